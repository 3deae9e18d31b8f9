/* Hashes text, or files of a directory that it was granted: SHA-256, SHA-512 and BLAKE2b-512.
 *
 *     hash --algorithm=NAME text             standard input -> {"algorithm", "bytes", "digest"}
 *     hash --algorithm=NAME files -- PATH    a file, or all files below a directory
 *                                            -> {"algorithm", "files": [{"path", …}, …]}
 *
 * PATH is relative to /data. Links are neither followed nor hashed.
 * Sources: FIPS 180-4 for SHA-2, RFC 7693 for BLAKE2b.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tool.h"

#define ROOT "/data"
#define MAX_FILES 1000
#define MAX_DEPTH 16
#define MAX_PATH 1024
#define BLOCK 128

enum algorithm { SHA256, SHA512, BLAKE2B };
static const char *const NAMES[] = {"sha256", "sha512", "blake2b"};

/* Fractions of the cube roots of the first 80 primes; SHA-256 uses the upper halves of 64. */
static const uint64_t ROUNDS[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc,
    0x3956c25bf348b538, 0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118,
    0xd807aa98a3030242, 0x12835b0145706fbe, 0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2,
    0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235, 0xc19bf174cf692694,
    0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5,
    0x983e5152ee66dfab, 0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4,
    0xc6e00bf33da88fc2, 0xd5a79147930aa725, 0x06ca6351e003826f, 0x142929670a0e6e70,
    0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed, 0x53380d139d95b3df,
    0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30,
    0xd192e819d6ef5218, 0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8,
    0x19a4c116b8d2d0c8, 0x1e376c085141ab53, 0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8,
    0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373, 0x682e6ff3d6b2b8a3,
    0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b,
    0xca273eceea26619c, 0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178,
    0x06f067aa72176fba, 0x0a637dc5a2c898a6, 0x113f9804bef90dae, 0x1b710b35131c471b,
    0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc, 0x431d67c49c100d4c,
    0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817,
};

/* Fractions of the square roots of the first 8 primes; SHA-256 uses the upper halves. */
static const uint64_t START[8] = {
    0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
    0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

struct hash {
    enum algorithm algorithm;
    uint64_t state[8];
    uint64_t bytes; /* Of the message so far. */
    uint8_t block[BLOCK];
    size_t size; /* Of what waits in the block. */
};

static _Noreturn void fail_at(const char *what, const char *path) {
    fprintf(stderr, "%s %s: %s\n", what, path, errno == ENOTCAPABLE ? "not granted" : strerror(errno));
    exit(1);
}

static uint64_t right64(uint64_t word, int by) { return word >> by | word << (64 - by); }
static uint32_t right32(uint32_t word, int by) { return word >> by | word << (32 - by); }

static uint64_t big_endian(const uint8_t *at, int size) {
    uint64_t word = 0;
    while (size--)
        word = word << 8 | *at++;
    return word;
}

static uint64_t little_endian(const uint8_t *at) {
    uint64_t word = 0;
    for (int i = 8; i--;)
        word = word << 8 | at[i];
    return word;
}

/* The eight variables of a round, which change places after each instead of being moved. */
#define S(name) s[((name) - i) & 7]

static void sha256_block(struct hash *hash) {
    uint32_t words[64], s[8];
    for (int i = 0; i < 16; i++)
        words[i] = (uint32_t)big_endian(hash->block + 4 * i, 4);
    for (int i = 16; i < 64; i++) {
        uint32_t a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (right32(a, 7) ^ right32(a, 18) ^ a >> 3) + words[i - 7] +
                   (right32(b, 17) ^ right32(b, 19) ^ b >> 10);
    }
    for (int i = 0; i < 8; i++)
        s[i] = (uint32_t)hash->state[i];
    for (int i = 0; i < 64; i++) {
        uint32_t one = S(7) + (right32(S(4), 6) ^ right32(S(4), 11) ^ right32(S(4), 25)) +
                       ((S(4) & S(5)) ^ (~S(4) & S(6))) + (uint32_t)(ROUNDS[i] >> 32) + words[i];
        uint32_t two = (right32(S(0), 2) ^ right32(S(0), 13) ^ right32(S(0), 22)) +
                       ((S(0) & S(1)) ^ (S(0) & S(2)) ^ (S(1) & S(2)));
        S(3) += one;
        S(7) = one + two;
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] = (uint32_t)(hash->state[i] + s[i]);
}

static void sha512_block(struct hash *hash) {
    uint64_t words[80], s[8];
    for (int i = 0; i < 16; i++)
        words[i] = big_endian(hash->block + 8 * i, 8);
    for (int i = 16; i < 80; i++) {
        uint64_t a = words[i - 15], b = words[i - 2];
        words[i] = words[i - 16] + (right64(a, 1) ^ right64(a, 8) ^ a >> 7) + words[i - 7] +
                   (right64(b, 19) ^ right64(b, 61) ^ b >> 6);
    }
    memcpy(s, hash->state, sizeof s);
    for (int i = 0; i < 80; i++) {
        uint64_t one = S(7) + (right64(S(4), 14) ^ right64(S(4), 18) ^ right64(S(4), 41)) +
                       ((S(4) & S(5)) ^ (~S(4) & S(6))) + ROUNDS[i] + words[i];
        uint64_t two = (right64(S(0), 28) ^ right64(S(0), 34) ^ right64(S(0), 39)) +
                       ((S(0) & S(1)) ^ (S(0) & S(2)) ^ (S(1) & S(2)));
        S(3) += one;
        S(7) = one + two;
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] += s[i];
}

static int digit_of(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

static void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y) {
    v[a] += v[b] + x;
    v[d] = right64(v[d] ^ v[a], 32);
    v[c] += v[d];
    v[b] = right64(v[b] ^ v[c], 24);
    v[a] += v[b] + y;
    v[d] = right64(v[d] ^ v[a], 16);
    v[c] += v[d];
    v[b] = right64(v[b] ^ v[c], 63);
}

static void blake2b_block(struct hash *hash, bool is_last) {
    static const char orders[10][17] = {
        "0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8",
        "905724afe1bc683d", "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a",
        "6fe9b308c2d714a5", "a2847615fb9e3cd0"};
    uint64_t words[16], v[16];
    for (int i = 0; i < 16; i++)
        words[i] = little_endian(hash->block + 8 * i);
    memcpy(v, hash->state, sizeof START);
    memcpy(v + 8, START, sizeof START);
    v[12] ^= hash->bytes; /* The upper half of the counter is 0: no message is that long. */
    v[14] ^= is_last ? ~0ULL : 0;
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 8; i++) {
            const char *pair = orders[round % 10] + 2 * i;
            int turn = i < 4 ? 0 : 1;
            mix(v, i & 3, 4 + ((i + turn) & 3), 8 + ((i + 2 * turn) & 3), 12 + ((i + 3 * turn) & 3),
                words[digit_of(pair[0])], words[digit_of(pair[1])]);
        }
    }
    for (int i = 0; i < 8; i++)
        hash->state[i] ^= v[i] ^ v[i + 8];
}

static struct hash begin(enum algorithm algorithm) {
    struct hash hash = {.algorithm = algorithm};
    for (int i = 0; i < 8; i++)
        hash.state[i] = algorithm == SHA256 ? START[i] >> 32 : START[i];
    if (algorithm == BLAKE2B)
        hash.state[0] ^= 0x01010040; /* No key, 64 bytes of digest. */
    return hash;
}

static void turn_block(struct hash *hash, bool is_last) {
    if (hash->algorithm == BLAKE2B)
        blake2b_block(hash, is_last);
    else if (hash->algorithm == SHA512)
        sha512_block(hash);
    else
        sha256_block(hash);
    hash->size = 0;
}

static size_t block_size(const struct hash *hash) { return hash->algorithm == SHA256 ? 64 : BLOCK; }

static void add(struct hash *hash, const uint8_t *bytes, size_t size) {
    while (size) {
        /* BLAKE2b treats its last block in another way, so a full one waits for what follows. */
        if (hash->size == block_size(hash))
            turn_block(hash, false);
        size_t room = block_size(hash) - hash->size, count = size < room ? size : room;
        memcpy(hash->block + hash->size, bytes, count);
        hash->size += count;
        hash->bytes += count;
        bytes += count;
        size -= count;
    }
}

static void end_sha2(struct hash *hash) {
    size_t length_size = block_size(hash) / 8;
    if (hash->size == block_size(hash))
        turn_block(hash, false);
    hash->block[hash->size++] = 0x80;
    if (hash->size > block_size(hash) - length_size) {
        memset(hash->block + hash->size, 0, block_size(hash) - hash->size);
        turn_block(hash, false);
    }
    memset(hash->block + hash->size, 0, block_size(hash) - hash->size);
    uint64_t bits = hash->bytes * 8;
    for (int i = 0; i < 8; i++)
        hash->block[block_size(hash) - 1 - (size_t)i] = (uint8_t)(bits >> 8 * i);
    turn_block(hash, true);
}

static void end(struct hash *hash) {
    if (hash->algorithm != BLAKE2B) {
        end_sha2(hash);
        return;
    }
    memset(hash->block + hash->size, 0, BLOCK - hash->size);
    turn_block(hash, true);
}

static void put_digest(const struct hash *hash) {
    static const char hex[] = "0123456789abcdef";
    int word_size = hash->algorithm == SHA256 ? 4 : 8;
    put("\"bytes\":");
    put_number((long long)hash->bytes);
    put(",\"digest\":\"");
    for (int i = 0; i < 8 * word_size; i++) {
        int place = hash->algorithm == BLAKE2B ? i % 8 : word_size - 1 - i % word_size;
        uint8_t byte = (uint8_t)(hash->state[i / word_size] >> 8 * place);
        put_byte(hex[byte >> 4]);
        put_byte(hex[byte & 15]);
    }
    put("\"");
}

/* All that a descriptor gives. */
static struct hash hash_of(int descriptor, enum algorithm algorithm, const char *name) {
    static uint8_t buffer[1 << 16];
    struct hash hash = begin(algorithm);
    ssize_t count;
    while ((count = read(descriptor, buffer, sizeof buffer)) > 0)
        add(&hash, buffer, (size_t)count);
    if (count < 0)
        fail_at("cannot read", name);
    end(&hash);
    return hash;
}

/* Files. */

static size_t files;

static void put_file(const char *path, enum algorithm algorithm) {
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW);
    if (descriptor < 0)
        fail_at("cannot open", path);
    if (files == MAX_FILES)
        fail("there are more than 1000 files");
    struct hash hash = hash_of(descriptor, algorithm, path);
    close(descriptor);
    put(files++ ? ",{\"path\":" : "{\"path\":");
    put_json((struct text){path + sizeof ROOT, strlen(path + sizeof ROOT)});
    put_byte(',');
    put_digest(&hash);
    put_byte('}');
}

static int by_bytes(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, in the order of their bytes. */
static size_t names_in(const char *path, char **names) {
    DIR *directory = opendir(path);
    if (!directory)
        fail_at("cannot list", path);
    size_t size = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (size == MAX_FILES)
            fail("a directory has more than 1000 entries");
        names[size++] = c_string((struct text){entry->d_name, strlen(entry->d_name)});
    }
    closedir(directory);
    qsort(names, size, sizeof *names, by_bytes);
    return size;
}

static void put_files(char *path, enum algorithm algorithm, int depth) {
    struct stat status;
    if (lstat(path, &status))
        fail_at("cannot find", path);
    if (S_ISREG(status.st_mode))
        put_file(path, algorithm);
    if (!S_ISDIR(status.st_mode))
        return;
    if (depth == MAX_DEPTH)
        fail("directories are nested more than 16 deep");
    char **names = malloc(MAX_FILES * sizeof *names);
    if (!names)
        fail("the names do not fit into memory");
    size_t size = names_in(path, names), length = strlen(path);
    for (size_t i = 0; i < size; i++) {
        if (length + 1 + strlen(names[i]) >= MAX_PATH)
            fail("a path is longer than 1023 bytes");
        path[length] = '/';
        strcpy(path + length + 1, names[i]);
        put_files(path, algorithm, depth + 1);
        path[length] = 0;
    }
}

static enum algorithm algorithm_in(const char *argument) {
    static const char option[] = "--algorithm=";
    if (strncmp(argument, option, strlen(option)))
        fail("it takes --algorithm=NAME first");
    for (int i = 0; i < 3; i++)
        if (!strcmp(argument + strlen(option), NAMES[i]))
            return (enum algorithm)i;
    fail("the algorithms are sha256, sha512 and blake2b");
}

int main(int count, char **arguments) {
    if (count < 3)
        fail("it takes --algorithm=NAME, and 'text' or 'files -- PATH'");
    enum algorithm algorithm = algorithm_in(arguments[1]);
    put("{\"algorithm\":\"");
    put(NAMES[algorithm]);
    put("\",");
    if (!strcmp(arguments[2], "text")) {
        struct hash hash = hash_of(STDIN_FILENO, algorithm, "the text");
        put_digest(&hash);
    } else {
        static char path[MAX_PATH] = ROOT "/";
        if (count > 5 || (count == 5 && strlen(arguments[4]) >= sizeof path - sizeof ROOT))
            fail("it takes one path, of at most 1017 bytes");
        if (count == 5)
            strcat(path, arguments[4]);
        if (!strcmp(path, ROOT "/") || !strcmp(path, ROOT "/."))
            strcpy(path, ROOT);
        put("\"files\":[");
        put_files(path, algorithm, 0);
        put("]");
    }
    put("}\n");
    flush();
    return 0;
}
