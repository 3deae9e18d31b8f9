/* What the C tools share: JSON in on standard input, text out on standard output.
 *
 * A tool sees one input and ends with its process, so memory is never given back, and
 * whatever is wrong with the input ends the tool with a message on standard error.
 *
 * The reader takes what it is asked for and nothing else: each function expects one kind of
 * value at the current place. Strings are decoded where they stand, which always has room:
 * every escape is longer than the character it stands for.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_INPUT_BYTES ((size_t)16 << 20)

struct text {
    const char *at;
    size_t size;
};

/* Writing. */

static char output_buffer[8192];
static size_t output_size;

static _Noreturn void fail(const char *why) {
    write(STDERR_FILENO, why, strlen(why));
    write(STDERR_FILENO, "\n", 1);
    exit(1);
}

static inline void flush(void) {
    for (size_t done = 0; done < output_size;) {
        ssize_t count = write(STDOUT_FILENO, output_buffer + done, output_size - done);
        if (count <= 0)
            fail("cannot write the result");
        done += (size_t)count;
    }
    output_size = 0;
}

static inline void put_byte(char byte) {
    if (output_size == sizeof output_buffer)
        flush();
    output_buffer[output_size++] = byte;
}

static inline void put(const char *words) {
    while (*words)
        put_byte(*words++);
}

static inline void put_number(long long number) {
    char digits[20];
    size_t count = 0;
    if (number < 0)
        put_byte('-');
    unsigned long long left = number < 0 ? 0ULL - (unsigned long long)number
                                         : (unsigned long long)number;
    do
        digits[count++] = (char)('0' + left % 10);
    while (left /= 10);
    while (count)
        put_byte(digits[--count]);
}

static inline void put_json(struct text text) {
    static const char hex[] = "0123456789abcdef";
    put_byte('"');
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte == '"' || byte == '\\') {
            put_byte('\\');
            put_byte((char)byte);
        } else if (byte < 0x20) {
            put("\\u00");
            put_byte(hex[byte >> 4]);
            put_byte(hex[byte & 15]);
        } else {
            put_byte((char)byte);
        }
    }
    put_byte('"');
}

/* Reading. */

struct input {
    char *at, *end;
};

static inline struct input read_input(void) {
    size_t room = 1 << 16, size = 0;
    char *bytes = malloc(room);
    for (;;) {
        if (!bytes)
            fail("the input does not fit into memory");
        ssize_t count = read(STDIN_FILENO, bytes + size, room - size);
        if (count < 0)
            fail("cannot read the input");
        if (count == 0)
            return (struct input){bytes, bytes + size};
        size += (size_t)count;
        if (size > MAX_INPUT_BYTES)
            fail("the input is larger than 16 MiB");
        if (size == room)
            bytes = realloc(bytes, room *= 2);
    }
}

/* The next byte that is not white space, or 0 at the end. */
static inline char peek(struct input *in) {
    while (in->at < in->end && memchr(" \t\r\n", *in->at, 4))
        in->at++;
    return in->at < in->end ? *in->at : 0;
}

static inline void expect(struct input *in, char byte) {
    if (peek(in) != byte)
        fail("the input is not the JSON this tool takes");
    in->at++;
}

/* After `{` or `[`, and after every value in them: whether another one follows. */
static inline bool another(struct input *in, bool is_first, char close) {
    if (peek(in) == close) {
        in->at++;
        return false;
    }
    if (!is_first)
        expect(in, ',');
    return true;
}

static inline unsigned hex4(struct input *in) {
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        char byte = in->at < in->end ? *in->at++ : 0;
        if (byte >= '0' && byte <= '9')
            value = value << 4 | (unsigned)(byte - '0');
        else if ((byte | 32) >= 'a' && (byte | 32) <= 'f')
            value = value << 4 | (unsigned)((byte | 32) - 'a' + 10);
        else
            fail("a \\u in the input lacks its four digits");
    }
    return value;
}

static inline char *put_utf8(char *to, uint32_t point) {
    if (point < 0x80) {
        *to++ = (char)point;
        return to;
    }
    int more = point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(leads[more] | point >> 6 * more);
    while (more--)
        *to++ = (char)(0x80 | (point >> 6 * more & 0x3f));
    return to;
}

/* The character of a \u escape; a surrogate without its other half becomes U+FFFD. */
static inline uint32_t escaped_point(struct input *in) {
    uint32_t high = hex4(in);
    if (high < 0xd800 || high > 0xdfff)
        return high;
    if (high > 0xdbff || in->end - in->at < 6 || in->at[0] != '\\' || in->at[1] != 'u')
        return 0xfffd;
    struct input ahead = {in->at + 2, in->end};
    uint32_t low = hex4(&ahead);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    in->at = ahead.at;
    return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

static inline struct text read_string(struct input *in) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    expect(in, '"');
    char *start = in->at, *to = start;
    while (in->at < in->end) {
        char byte = *in->at++;
        if (byte == '"')
            return (struct text){start, (size_t)(to - start)};
        if (byte != '\\') {
            *to++ = byte;
            continue;
        }
        byte = in->at < in->end ? *in->at++ : 0;
        const char *letter = byte ? strchr(letters, byte) : 0;
        if (letter)
            *to++ = meanings[letter - letters];
        else if (byte == 'u')
            to = put_utf8(to, escaped_point(in));
        else
            fail("the input has an escape that JSON does not know");
    }
    fail("a string in the input does not end");
}

/* A whole number from 0 to 2^53, the largest that every JSON reader keeps exactly. */
static inline long long read_count(struct input *in) {
    char first = peek(in);
    long long value = 0;
    if (first < '0' || first > '9')
        fail("the input has something else where a count belongs");
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        value = value * 10 + (*in->at++ - '0');
        if (value > 1LL << 53)
            fail("a count in the input is larger than 2^53");
    }
    return value;
}

static inline bool is(struct text text, const char *words) {
    return text.size == strlen(words) && !memcmp(text.at, words, text.size);
}

/* A copy that ends with a NUL byte, for functions that take paths. */
static inline char *c_string(struct text text) {
    char *copy = malloc(text.size + 1);
    if (!copy || memchr(text.at, 0, text.size))
        fail("a path has a NUL byte or does not fit into memory");
    memcpy(copy, text.at, text.size);
    copy[text.size] = 0;
    return copy;
}

#endif
