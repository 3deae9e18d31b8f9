/* The headers of a tar file, which arrives in pieces.
 *
 * Source: POSIX.1-2017, pax, "ustar Interchange Format" and "pax Header Block"; and the L and K
 * entries of GNU tar, which hold long names.
 */
#ifndef TAR_H
#define TAR_H

#include "listing.h"

#define BLOCK 512

struct tar {
    unsigned char block[BLOCK];
    size_t filled;
    uint64_t left;          /* Bytes of content, with what fills the last block. */
    uint64_t kept;          /* Of these, those that are collected. */
    char type;              /* Of the entry whose content is collected. */
    char *extra;            /* The content collected. */
    size_t extra_size;
    struct text path, target; /* For the next entry, when they were told before. */
    uint64_t bytes;
    bool is_sized, is_over, has_begun;
};

static uint64_t tar_number(const unsigned char *at, size_t size) {
    uint64_t value = 0;
    if (*at & 0x80) { /* Not in octal digits, because it is too large for them. */
        for (size_t i = 1; i < size; i++)
            value = value << 8 | at[i];
        return value;
    }
    while (size && (*at == ' '))
        at++, size--;
    for (; size && *at >= '0' && *at <= '7'; size--)
        value = value << 3 | (uint64_t)(*at++ - '0');
    return value;
}

static bool is_tar_header(const unsigned char *block) {
    uint64_t sum = 8 * ' ';
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? 0 : block[i];
    return sum == tar_number(block + 148, 8);
}

static struct text copy(const void *at, size_t size) {
    char *bytes = malloc(size + 1);
    if (!bytes)
        fail("a name does not fit into memory");
    memcpy(bytes, at, size);
    return (struct text){bytes, size};
}

static size_t until_nul(const unsigned char *at, size_t size) {
    const unsigned char *nul = memchr(at, 0, size);
    return nul ? (size_t)(nul - at) : size;
}

/* The path in a header: a directory and a name, unless an entry before told it. */
static struct text path_in(const struct tar *tar) {
    static char joined[BLOCK];
    size_t name = until_nul(tar->block, 100), before = until_nul(tar->block + 345, 155);
    if (tar->path.at)
        return tar->path;
    if (memcmp(tar->block + 257, "ustar\0", 6) || !before)
        return (struct text){(const char *)tar->block, name};
    memcpy(joined, tar->block + 345, before);
    joined[before] = '/';
    memcpy(joined + before + 1, tar->block, name);
    return (struct text){joined, before + 1 + name};
}

static const char *kind_of(char type) {
    switch (type) {
    case '0':
    case '7':
    case 0:
        return "file";
    case '1':
    case '2':
        return "link";
    case '5':
        return "directory";
    default:
        return "other";
    }
}

static void tar_header(struct tar *tar) {
    const unsigned char *block = tar->block;
    uint64_t size = tar->is_sized ? tar->bytes : tar_number(block + 124, 12);
    char type = (char)block[156];
    if (size > UINT64_MAX - BLOCK)
        fail("the tar file is damaged: an entry has no end");
    tar->has_begun = true;
    tar->left = (size + BLOCK - 1) / BLOCK * BLOCK;
    if (type && strchr("LKxg", type)) { /* What follows is about the next entry. */
        if (size > (1 << 16))
            fail("the tar file has a name of more than 64 KiB");
        tar->type = type;
        tar->kept = size;
        tar->extra = malloc(size + 1);
        if (!tar->extra)
            fail("a name does not fit into memory");
        tar->extra_size = 0;
        return;
    }
    struct text target = tar->target;
    if (!target.at && (type == '1' || type == '2'))
        target = (struct text){(const char *)block + 157, until_nul(block + 157, 100)};
    struct entry entry = {.kind = kind_of(type), .path = path_in(tar), .target = target};
    entry.is_hard = type == '1';
    entry.bytes = entry.packed_bytes = type && strchr("123456", type) ? 0 : size;
    if (type && strchr("123456", type))
        tar->left = 0;
    put_entry(&entry);
    tar->path = tar->target = (struct text){0, 0};
    tar->is_sized = false;
}

/* The records "LENGTH KEY=VALUE\n" of a pax header. */
static void pax(struct tar *tar) {
    const char *at = tar->extra, *end = at + tar->extra_size;
    while (at < end) {
        char *key;
        unsigned long length = strtoul(at, &key, 10);
        if (key == at || *key != ' ' || length <= (size_t)(key - at) + 1 || length > (size_t)(end - at))
            fail("the tar file is damaged: a pax header is not understood");
        key++;
        const char *value = memchr(key, '=', length - (size_t)(key - at));
        if (!value++ || at[length - 1] != '\n')
            fail("the tar file is damaged: a pax header is not understood");
        struct text name = {key, (size_t)(value - key) - 1};
        struct text told = {value, (size_t)(at + length - 1 - value)};
        if (is(name, "path"))
            tar->path = copy(told.at, told.size);
        else if (is(name, "linkpath"))
            tar->target = copy(told.at, told.size);
        else if (is(name, "size")) {
            tar->bytes = strtoull(told.at, 0, 10);
            tar->is_sized = true;
        }
        at += length;
    }
}

static void tar_extra(struct tar *tar) {
    tar->extra[tar->extra_size] = 0;
    struct text name = {tar->extra, strlen(tar->extra)};
    if (tar->type == 'L')
        tar->path = name;
    else if (tar->type == 'K')
        tar->target = name;
    else if (tar->type == 'x')
        pax(tar);
}

/* The next bytes of the file. */
static void tar_take(struct tar *tar, const unsigned char *at, size_t size) {
    while (size && !tar->is_over) {
        if (tar->left) {
            size_t count = tar->left < size ? (size_t)tar->left : size;
            size_t kept = tar->kept < count ? (size_t)tar->kept : count;
            if (kept)
                memcpy(tar->extra + tar->extra_size, at, kept);
            tar->extra_size += kept;
            tar->kept -= kept;
            if (kept && !tar->kept)
                tar_extra(tar);
            tar->left -= count;
            at += count;
            size -= count;
            continue;
        }
        size_t room = BLOCK - tar->filled, count = size < room ? size : room;
        memcpy(tar->block + tar->filled, at, count);
        tar->filled += count;
        at += count;
        size -= count;
        if (tar->filled < BLOCK)
            return;
        tar->filled = 0;
        if (!tar->block[0] && until_nul(tar->block + 1, BLOCK - 1) == 0)
            tar->is_over = true;
        else if (is_tar_header(tar->block))
            tar_header(tar);
        else
            fail(tar->has_begun ? "the tar file is damaged: a header is wrong"
                                : "it is neither a zip file nor a tar file");
    }
}

/* What is odd about a file that ends here. */
static const char *tar_end(const struct tar *tar) {
    if (!tar->has_begun && !tar->is_over)
        fail("it is neither a zip file nor a tar file");
    return tar->left || tar->filled ? "it ends in the middle of an entry" : 0;
}

#endif
