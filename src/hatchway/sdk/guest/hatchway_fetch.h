/* HTTP requests for WASI commands that Hatchway runs: hatchway_fetch_0_1,
 * which is hatchway:egress/fetch@0.1.0 for core modules.
 *
 * Header only, C99, and free of the C library. Most programs need three functions:
 *
 *     struct hatchway_response response;
 *     int error = hatchway_fetch("GET", "https://example.com/", 0, 0, 0, &response);
 *     while (!error && (count = hatchway_fetch_read(&response, buffer, sizeof buffer)) > 0)
 *         fwrite(buffer, 1, count, stdout);
 *     hatchway_fetch_close(&response);
 *
 * Errors are the numbers of WASI preview 1, which wasi-libc knows by their usual names:
 *
 *     ENOTCAPABLE   policy does not allow it; the operator is told what would
 *     EINVAL        the request, or the order of the calls, is not understood
 *     EMSGSIZE      the request or the response is larger than allowed
 *     ETIMEDOUT     the other side took too long
 *     EHOSTUNREACH  its name is not known, or there is no way to it
 *     ECONNREFUSED, ECONNRESET, EPROTO, ELOOP, EIO    what else went wrong on the way
 *     EAGAIN        too many requests are under way; try again later
 *     EMFILE        too many are held open; close some
 *     EBADF         no such request is open
 *     EFAULT        a pointer or a length leads outside of the memory
 *     EOVERFLOW     the buffer is too small; `needed` says how large it must be
 */
#ifndef HATCHWAY_FETCH_H
#define HATCHWAY_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define HATCHWAY_IMPORT(name) \
    __attribute__((import_module("hatchway_fetch_0_1"), import_name(#name)))

typedef uint32_t hatchway_request;

/* Begin a request: {"method": "GET", "url": "https://…", "headers": [["name", "value"], …],
 * "redirects": 0}. Only the URL must be there. UTF-8, at most 64 KiB. */
HATCHWAY_IMPORT(open)
int hatchway_open(const char *json, size_t length, hatchway_request *request);

/* Send more of its body. At least one byte is taken, unless there is none. */
HATCHWAY_IMPORT(write)
int hatchway_write(hatchway_request request, const void *bytes, size_t length, size_t *written);

/* The body is complete: wait for the response, and tell its status. */
HATCHWAY_IMPORT(send)
int hatchway_send(hatchway_request request, uint32_t *status);

/* The head of the response: {"status": 200, "url": "https://…", "headers": [[…], …]}. */
HATCHWAY_IMPORT(head)
int hatchway_head(hatchway_request request, char *json, size_t room, size_t *needed);

/* The next bytes of the response's body; none at its end. */
HATCHWAY_IMPORT(read)
int hatchway_read(hatchway_request request, void *bytes, size_t room, size_t *count);

/* What went wrong, in the words of wasi:http (`DNS-error`); no words if nothing did. */
HATCHWAY_IMPORT(error)
int hatchway_error(hatchway_request request, char *words, size_t room, size_t *needed);

/* Give it back, whether or not it is over. */
HATCHWAY_IMPORT(close)
int hatchway_close(hatchway_request request);

/* The rest is made of these. */

#define HATCHWAY_MAX_HEAD 16384
#define HATCHWAY_EMSGSIZE 35
#define HATCHWAY_REDIRECTS '3'

struct hatchway_response {
    hatchway_request request; /* 0 for none; those that are open have larger numbers. */
    uint32_t status;
    int error; /* What went wrong, or 0. */
};

struct hatchway_text {
    char bytes[HATCHWAY_MAX_HEAD];
    size_t length; /* May be larger than what fits. */
};

static inline void hatchway_put(struct hatchway_text *to, char byte) {
    if (to->length < sizeof to->bytes)
        to->bytes[to->length] = byte;
    to->length++;
}

static inline void hatchway_put_words(struct hatchway_text *to, const char *words) {
    while (*words)
        hatchway_put(to, *words++);
}

static inline void hatchway_put_string(struct hatchway_text *to, const char *text) {
    static const char hex[] = "0123456789abcdef";
    hatchway_put(to, '"');
    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20) {
            hatchway_put_words(to, "\\u00");
            hatchway_put(to, hex[byte >> 4]);
            hatchway_put(to, hex[byte & 15]);
            continue;
        }
        if (byte == '"' || byte == '\\')
            hatchway_put(to, '\\');
        hatchway_put(to, (char)byte);
    }
    hatchway_put(to, '"');
}

static inline void hatchway_put_header(struct hatchway_text *to, const char *name,
                                       const char *value) {
    hatchway_put_words(to, to->bytes[to->length - 1] == '[' ? "[" : ",[");
    hatchway_put_string(to, name);
    hatchway_put(to, ',');
    hatchway_put_string(to, value);
    hatchway_put(to, ']');
}

static inline void hatchway_put_length(struct hatchway_text *to, size_t length) {
    char digits[21], *at = digits + 20;
    *at = 0;
    do
        *--at = (char)('0' + length % 10);
    while (length /= 10);
    hatchway_put_header(to, "content-length", at);
}

/* Send a request and wait until there is a response; 0, or what went wrong.
 *
 * `headers` is null, or names and values by turns and a null pointer at the end; text is UTF-8.
 * `body` may be null. Its length goes along. Up to three redirects are followed. */
static inline int hatchway_fetch(const char *method, const char *url, const char *const *headers,
                                 const void *body, size_t length,
                                 struct hatchway_response *response) {
    struct hatchway_text head;
    *response = (struct hatchway_response){0, 0, 0};
    head.length = 0;
    hatchway_put_words(&head, "{\"method\":");
    hatchway_put_string(&head, method);
    hatchway_put_words(&head, ",\"url\":");
    hatchway_put_string(&head, url);
    hatchway_put_words(&head, ",\"redirects\":");
    hatchway_put(&head, HATCHWAY_REDIRECTS);
    hatchway_put_words(&head, ",\"headers\":[");
    if (head.length > sizeof head.bytes)
        return response->error = HATCHWAY_EMSGSIZE;
    for (size_t at = 0; headers && headers[at] && head.length <= sizeof head.bytes; at += 2)
        hatchway_put_header(&head, headers[at], headers[at + 1]);
    if (body && head.length <= sizeof head.bytes)
        hatchway_put_length(&head, length);
    hatchway_put_words(&head, "]}");
    if (head.length > sizeof head.bytes)
        return response->error = HATCHWAY_EMSGSIZE;
    int error = hatchway_open(head.bytes, head.length, &response->request);
    for (size_t at = 0, count; !error && body && at < length; at += count)
        error = hatchway_write(response->request, (const char *)body + at, length - at, &count);
    if (!error)
        error = hatchway_send(response->request, &response->status);
    return response->error = error;
}

/* The next bytes of the body; 0 at its end, or when something went wrong: see `error`. */
static inline size_t hatchway_fetch_read(struct hatchway_response *response, void *bytes,
                                         size_t room) {
    size_t count = 0;
    if (!response->error)
        response->error = hatchway_read(response->request, bytes, room, &count);
    return response->error ? 0 : count;
}

/* Give everything back. */
static inline void hatchway_fetch_close(struct hatchway_response *response) {
    if (response->request)
        hatchway_close(response->request);
    response->request = 0;
}

#endif
