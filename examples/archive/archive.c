/* Lists what is in a zip or tar file, and says what is odd about it. Nothing is unpacked to disk.
 *
 *     archive            the archive on standard input
 *     archive -- PATH    a file below /data
 *
 * Output: {"format", "entries": [{"path", "kind", "bytes", "odd"}, …], "total": {…}, "odd": […]}
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "inflate.h"
#include "listing.h"
#include "tar.h"
#include "zip.h"

#define MAX_BYTES ((size_t)16 << 20)
#define MAX_INFLATED ((uint64_t)16 << 20)

static struct bytes read_all(int descriptor) {
    size_t room = 1 << 16, size = 0;
    unsigned char *bytes = malloc(room);
    for (;;) {
        if (!bytes)
            fail("the archive does not fit into memory");
        ssize_t count = read(descriptor, bytes + size, room - size);
        if (count < 0)
            fail("cannot read the archive");
        if (count == 0)
            return (struct bytes){bytes, size};
        size += (size_t)count;
        if (size > MAX_BYTES)
            fail("the archive is larger than 16 MiB");
        if (size == room)
            bytes = realloc(bytes, room *= 2);
    }
}

static int opened(const char *name) {
    static char path[1100] = "/data/";
    if (strlen(name) > 1024)
        fail("the path is longer than 1024 bytes");
    int descriptor = open(strcat(path, name), O_RDONLY | O_NOFOLLOW);
    if (descriptor >= 0)
        return descriptor;
    fprintf(stderr, "cannot open %s: %s\n", path, errno == ENOTCAPABLE ? "not granted" : strerror(errno));
    exit(1);
}

static void give_tar(void *tar, const unsigned char *at, size_t size) { tar_take(tar, at, size); }

static const char *list_compressed(struct bytes in) {
    static struct inflate gzip;
    static struct tar tar;
    gzip = (struct inflate){.at = in.at, .end = in.at + in.size, .give = give_tar, .to = &tar};
    gzip.most = MAX_INFLATED;
    if (!inflate(&gzip))
        return "it is larger than 16 MiB when uncompressed, so its end was not looked at";
    return tar_end(&tar);
}

static const char *list_tar(struct bytes in) {
    static struct tar tar;
    tar_take(&tar, in.at, (size_t)in.size);
    return tar_end(&tar);
}

static bool begins(struct bytes in, const char *with, size_t size) {
    return in.size >= size && !memcmp(in.at, with, size);
}

int main(int count, char **arguments) {
    if (count > 3)
        fail("it takes one path");
    struct bytes in = read_all(count == 3 ? opened(arguments[2]) : STDIN_FILENO);
    bool is_zip = begins(in, "PK\3\4", 4) || begins(in, "PK\5\6", 4);
    bool is_gzip = begins(in, "\x1f\x8b", 2);
    put("{\"format\":\"");
    put(is_zip ? "zip" : is_gzip ? "tar.gz" : "tar");
    put("\",\"entries\":[");
    const char *odd = is_zip ? list_zip(in) : is_gzip ? list_compressed(in) : list_tar(in);
    put_field("],\n\"total\":{\"entries\":", total.entries);
    put_field(",\"bytes\":", total.bytes);
    put_field(",\"odd_entries\":", total.odd);
    put_field(",\"archive_bytes\":", in.size);
    oddities = 0;
    put("},\"odd\":[");
    put_oddity(odd, odd);
    put_oddity(total.bytes > 1000000 && total.bytes / 200 > in.size, "it grows more than two hundred times");
    put_oddity(total.entries > MAX_SHOWN, "only the first 1000 entries are shown");
    put("]}\n");
    flush();
    return 0;
}
