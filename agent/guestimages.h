/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * QEMU's locks keep two guests from writing one image as long as both run. A guest that is kept has
 * no QEMU, and so no lock.
 */
#ifndef VMKEEP_GUESTIMAGES_H
#define VMKEEP_GUESTIMAGES_H

#include "guest.h"

/**
 * guestimages_free() - Whether a guest that is to be started leaves alone what kept guests need.
 *
 * By their command lines: of images below others (backing files) nothing is known.
 *
 * Return: 0; -EBUSY with image and guest in @e if it would write an image that a kept one has.
 */
int guestimages_free(const struct guest *g, struct err *e);

#endif
