/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * JSON objects, one a line, over a stream: what QMP and vmkeep's own control
 * protocol have in common. Everything read is bounded.
 */
#ifndef VMKEEP_JSONIO_H
#define VMKEEP_JSONIO_H

#include <json-c/json.h>
#include <stdbool.h>

#include "util.h"

typedef struct json_object json; /* the one typedef: json-c's name is long and everywhere */

static inline void json_putp(json **j)
{
	json_object_put(*j);
}
#define _cleanup_json_ __attribute__((cleanup(json_putp)))

/**
 * struct jsonio - A stream that is read line by line.
 * @fd:		Not owned. Must be non-blocking.
 * @max:	Longest line that is accepted, in bytes.
 */
struct jsonio {
	int fd;
	size_t max;
	char *buf;
	size_t len, cap; /* of @buf */
	size_t at;	 /* where what has not been taken yet begins */
	size_t scanned;	 /* up to here there is no newline behind @at */
	size_t burst;	 /* read since other tasks had their turn */
};

/**
 * jsonio_read() - Wait for the next object.
 * @ret:	The object; caller puts it.
 *
 * Return: 1, 0 at the end of the stream, -ETIMEDOUT, -EMSGSIZE for a line that is
 * too long, -EBADMSG for one that is not a JSON object, or -errno.
 */
int jsonio_read(struct jsonio *io, int timeout_ms, json **ret);

/** jsonio_free() - Free what has been read ahead. */
void jsonio_free(struct jsonio *io);

/**
 * jsonio_write() - Write an object and a newline.
 * @pass_fd:	An fd to send along (SCM_RIGHTS, unix(7)) with the first byte, or -1.
 * @timeout_ms:	How long a peer that does not read is borne.
 *
 * Return: 0 or -errno.
 */
int jsonio_write(int fd, json *obj, int pass_fd, int timeout_ms);

/* Readers that take any type of value for "not there": what comes in is not trusted. */

/** json_str() - The string at @key, or NULL. Owned by @obj. */
const char *json_str(json *obj, const char *key);
/** json_int() - The number at @key, or @dflt. */
int64_t json_int(json *obj, const char *key, int64_t dflt);
/** json_flag() - The boolean at @key, or false. */
bool json_flag(json *obj, const char *key);
/** json_get() - The value of @type at @key, or NULL. Owned by @obj. */
json *json_get(json *obj, const char *key, enum json_type type);

/** json_set_str() - Set @key to a string, or to null when @s is NULL. */
void json_set_str(json *obj, const char *key, const char *s);
/** json_set_int() - Set @key to a number. */
void json_set_int(json *obj, const char *key, int64_t n);
/** json_set_bool() - Set @key to a boolean. */
void json_set_bool(json *obj, const char *key, bool b);
/** json_double() - The number at @key, or 0. */
double json_double(json *obj, const char *key);
/** json_set_strv() - Set @key to an array of strings. */
void json_set_strv(json *obj, const char *key, const struct strv *sv);
/** json_get_strv() - Append the strings at @key to @sv. Return: 0, or -EBADMSG if it is not an array of strings. */
int json_get_strv(json *obj, const char *key, struct strv *sv);

#endif
