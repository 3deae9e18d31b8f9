/* One HTTP request and its whole answer, for the C tools. */
#ifndef ANSWER_H
#define ANSWER_H

#include "hatchway_fetch.h"
#include "tool.h"

#define MAX_ANSWER_BYTES ((size_t)1 << 20)

struct answer {
    int error; /* Why there is none, as an errno; or 0. */
    uint32_t status;
    struct text body; /* A NUL byte follows it. */
};

static inline struct answer ask(const char *method, const char *url, const char *const *headers,
                                const struct text *body) {
    struct hatchway_response response;
    hatchway_fetch(method, url, headers, body ? body->at : 0, body ? body->size : 0, &response);
    char *bytes = malloc(MAX_ANSWER_BYTES + 1);
    if (!bytes)
        fail("the answer does not fit into memory");
    size_t size = 0, count;
    while (size < MAX_ANSWER_BYTES &&
           (count = hatchway_fetch_read(&response, bytes + size, MAX_ANSWER_BYTES - size)) > 0)
        size += count;
    bytes[size] = 0;
    hatchway_fetch_close(&response);
    return (struct answer){response.error, response.status, {bytes, size}};
}

#endif
