/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the arguments of a QMP command to the value of the option that makes the same. Pure text. */
#ifndef VMKEEP_PLUGOPTION_H
#define VMKEEP_PLUGOPTION_H

#include "jsonio.h"

/**
 * plugoption_device() - A device_add's arguments as those of -device.
 * @args:	Changed. A QMP before QEMU 9.2 takes text for a number and a number for text, which -device with
 *		JSON does not; and a PCI address that is a number means another there: it is left out.
 * @properties:	What device-list-properties returned.
 */
void plugoption_device(json *args, json *properties);

/**
 * plugoption_chardev() - A chardev-add's arguments as the value of -chardev, which takes no JSON.
 *
 * Return: 0 and the text in @ret, caller frees; or -EOPNOTSUPP with what cannot be said there in @e.
 */
int plugoption_chardev(json *args, char **ret, struct err *e);

#endif
