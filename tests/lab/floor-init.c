// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The least that a new kernel can be asked to run: PID 1 of a one-program initramfs
 * says that it is there.
 */

#include <unistd.h>

int main(void)
{
	static const char line[] = "lab: landed\n";

	if (write(1, line, sizeof(line) - 1) < 0)
		return 1;
	for (;;)
		pause();
}
