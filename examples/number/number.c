/* number [--from=N] IN OUT: copies the lines of a text file, each with its number in front.
 *
 * A program like many others: it knows nothing of Hatchway, and works on the files that its
 * command line names. number.tool.toml makes a tool of it.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what, const char *name) {
    fprintf(stderr, "number: cannot %s %s: %s\n", what, name, strerror(errno));
    return 1;
}

int main(int count, char **words) {
    long number = 1;
    int first = 1;
    if (count > 1 && strncmp(words[1], "--from=", 7) == 0) {
        number = strtol(words[1] + 7, NULL, 10);
        first = 2;
    }
    if (count - first != 2) {
        fputs("usage: number [--from=N] IN OUT\n", stderr);
        return 2;
    }
    const char *in_name = words[first], *out_name = words[first + 1];
    FILE *in = fopen(in_name, "r");
    if (in == NULL)
        return failed("read", in_name);
    FILE *out = fopen(out_name, "w");
    if (out == NULL)
        return failed("write", out_name);

    long lines = 0;
    int is_start = 1, byte;
    while ((byte = getc(in)) != EOF) {
        if (is_start)
            fprintf(out, "%6ld  ", number + lines++);
        putc(byte, out);
        is_start = byte == '\n';
    }
    if (ferror(in))
        return failed("read", in_name);
    int is_cut = ferror(out);
    if (fclose(out) != 0 || is_cut)
        return failed("write", out_name);
    printf("%ld lines\n", lines);
    return 0;
}
