/* Regular expressions and figures about a text.
 *
 *     regex [--ignore-case] [--lines] find -- PATTERN           text in, {"matches", …} out
 *     regex [--ignore-case] [--lines] replace -- PATTERN WITH   text in, {"text", …} out
 *     regex statistics                                          text in, {"lines", …} out
 *
 * Expressions are POSIX extended ones, as wasi-libc reads them, with \d, \w and \s. The longest
 * match at the first place is found, without ever going back: how long one search may take grows
 * with the text times the pattern, and no pattern makes it explode.
 */
#include <locale.h>
#include <regex.h>
#include <stdio.h>
#include <wchar.h>
#include <wctype.h>

#include "tool.h"

#define MAX_MATCHES 1000
#define MAX_GROUPS 10
#define MAX_PATTERN 1000
#define MOST 10

/* The text, as C strings know it. */
static char *read_text(size_t *size) {
    struct input in = read_input();
    *size = (size_t)(in.end - in.at);
    if (memchr(in.at, 0, *size))
        fail("the text has a NUL character");
    return c_string((struct text){in.at, *size});
}

/* Expressions that would be taken for something else, or that depend on what lies before the
 * place where a search begins, which regexec() cannot be told. */
static void refuse_unknown(const char *pattern) {
    for (; (pattern = strchr(pattern, '\\')) && pattern[1]; pattern += 2)
        if (strchr("123456789", pattern[1]))
            fail("a pattern cannot refer back to a group");
        else if (strchr("bB<>", pattern[1]))
            fail("a pattern cannot ask for the borders of words");
}

static regex_t compiled(const char *pattern, int flags) {
    regex_t regex;
    char why[100];
    if (strlen(pattern) > MAX_PATTERN)
        fail("the pattern is longer than 1000 bytes");
    refuse_unknown(pattern);
    int error = regcomp(&regex, pattern, REG_EXTENDED | flags);
    if (!error)
        return regex;
    regerror(error, &regex, why, sizeof why);
    fprintf(stderr, "the pattern is not a regular expression: %s\n", why);
    exit(1);
}

/* How many characters there are in so many bytes of UTF-8. */
static long long characters(const char *at, size_t size) {
    long long count = 0;
    while (size--)
        count += (*at++ & 0xc0) != 0x80;
    return count;
}

static size_t character_size(const char *at) {
    size_t size = 1;
    while ((at[size] & 0xc0) == 0x80)
        size++;
    return size;
}

/* One match after the other, each after the one before. */
struct search {
    regex_t regex;
    const char *text, *at; /* Where the next search begins. */
    regmatch_t groups[MAX_GROUPS]; /* Relative to `from`. */
    const char *from;
    bool has_lines, is_over;
};

static bool next(struct search *search) {
    if (search->is_over)
        return false;
    search->from = search->at;
    bool is_begin = search->at == search->text ||
                    (search->has_lines && search->at[-1] == '\n');
    int flags = is_begin ? 0 : REG_NOTBOL;
    int error = regexec(&search->regex, search->at, MAX_GROUPS, search->groups, flags);
    if (error == REG_ESPACE)
        fail("the search does not fit into memory");
    if (error)
        return false;
    const char *end = search->from + search->groups[0].rm_eo;
    bool is_empty = search->groups[0].rm_so == search->groups[0].rm_eo;
    search->is_over = is_empty && !*end;
    search->at = is_empty && *end ? end + character_size(end) : end;
    return true;
}

static struct text group(const struct search *search, size_t number) {
    const regmatch_t *found = &search->groups[number];
    if (found->rm_so < 0)
        return (struct text){0, 0};
    return (struct text){search->from + found->rm_so, (size_t)(found->rm_eo - found->rm_so)};
}

static void put_groups(const struct search *search) {
    put(",\"groups\":[");
    for (size_t i = 1; i <= search->regex.re_nsub && i < MAX_GROUPS; i++) {
        if (i > 1)
            put_byte(',');
        if (search->groups[i].rm_so < 0)
            put("null");
        else
            put_json(group(search, i));
    }
    put("]}");
}

static void find(regex_t regex, bool has_lines) {
    size_t size, count = 0;
    char *text = read_text(&size);
    struct search search = {.regex = regex, .text = text, .at = text, .has_lines = has_lines};
    const char *counted = text;
    long long place = 0;
    bool is_cut = false;
    put("{\"matches\":[");
    while (next(&search) && !(is_cut = count == MAX_MATCHES)) {
        struct text whole = group(&search, 0);
        place += characters(counted, (size_t)(whole.at - counted));
        counted = whole.at;
        put(count++ ? ",{\"start\":" : "{\"start\":");
        put_number(place);
        put(",\"text\":");
        put_json(whole);
        put_groups(&search);
    }
    put("],\"is_cut\":");
    put(is_cut ? "true}\n" : "false}\n");
}

/* The result of a replacement, which grows as far as the memory goes. */
struct grown {
    char *bytes;
    size_t size, room;
};

static void append(struct grown *to, struct text text) {
    if (to->size + text.size > to->room) {
        to->room = 2 * (to->size + text.size);
        to->bytes = realloc(to->bytes, to->room);
        if (!to->bytes)
            fail("the result does not fit into memory");
    }
    if (text.size)
        memcpy(to->bytes + to->size, text.at, text.size);
    to->size += text.size;
}

/* What stands for a match: text in which \1 to \9 are groups, \0 is all, and \\ is a \. */
static void append_replacement(struct grown *to, const struct search *search, const char *with) {
    while (*with) {
        size_t plain = strcspn(with, "\\");
        append(to, (struct text){with, plain});
        with += plain;
        if (!*with)
            return;
        char letter = with[1];
        if (letter >= '0' && letter <= '9' && (size_t)(letter - '0') <= search->regex.re_nsub)
            append(to, group(search, (size_t)(letter - '0')));
        else if (letter == '\\')
            append(to, (struct text){"\\", 1});
        else
            fail("after a \\ in the replacement stands the number of a group, or another \\");
        with += 2;
    }
}

static void replace(regex_t regex, bool has_lines, const char *with) {
    size_t size;
    long long count = 0;
    char *text = read_text(&size);
    const char *copied = text;
    struct search search = {.regex = regex, .text = text, .at = text, .has_lines = has_lines};
    struct grown to = {0, 0, 0};
    while (next(&search)) {
        struct text whole = group(&search, 0);
        append(&to, (struct text){copied, (size_t)(whole.at - copied)});
        append_replacement(&to, &search, with);
        copied = whole.at + whole.size;
        count++;
    }
    append(&to, (struct text){copied, size - (size_t)(copied - text)});
    put("{\"replacements\":");
    put_number(count);
    put(",\"text\":");
    put_json((struct text){to.bytes, to.size});
    put("}\n");
}

/* Figures. */

struct word {
    struct text text;
    long long count;
};

static int by_text(const void *a, const void *b) {
    const struct word *one = a, *two = b;
    size_t size = one->text.size < two->text.size ? one->text.size : two->text.size;
    int order = memcmp(one->text.at, two->text.at, size);
    return order ? order : (one->text.size > two->text.size) - (one->text.size < two->text.size);
}

static int by_count(const void *a, const void *b) {
    const struct word *one = a, *two = b;
    if (one->count != two->count)
        return one->count < two->count ? 1 : -1;
    return by_text(a, b);
}

/* The words of a text in lower case, each once: in place, since no letter grows in UTF-8 here. */
static size_t words_in(char *text, size_t size, struct word *words) {
    size_t count = 0;
    char *at = text, *end = text + size, *begun = 0;
    while (at <= end) {
        wchar_t letter = 0;
        int length = at < end ? mbtowc(&letter, at, (size_t)(end - at)) : 0;
        length = length > 0 ? length : 1;
        if (at < end && (iswalnum((wint_t)letter) || letter == '\'')) {
            char lower[4];
            begun = begun ? begun : at;
            if (wctomb(lower, (wchar_t)towlower((wint_t)letter)) == length)
                memcpy(at, lower, (size_t)length);
        } else if (begun) {
            words[count++] = (struct word){{begun, (size_t)(at - begun)}, 1};
            begun = 0;
        }
        at += length;
    }
    return count;
}

static size_t counted(struct word *words, size_t size) {
    size_t kept = 0;
    qsort(words, size, sizeof *words, by_text);
    for (size_t i = 0; i < size; i++) {
        if (kept && !by_text(&words[kept - 1], &words[i]))
            words[kept - 1].count++;
        else
            words[kept++] = words[i];
    }
    qsort(words, kept, sizeof *words, by_count);
    return kept;
}

static void put_count(const char *name, long long count) {
    put_byte('"');
    put(name);
    put("\":");
    put_number(count);
    put_byte(',');
}

static void statistics(void) {
    size_t size;
    long long lines = 0, longest = 0;
    char *text = read_text(&size);
    for (char *at = text; *at; lines++) {
        size_t length = strcspn(at, "\n");
        long long count = characters(at, length);
        longest = count > longest ? count : longest;
        at += length + (at[length] == '\n');
    }
    long long marks = characters(text, size);
    struct word *words = malloc((size / 2 + 1) * sizeof *words);
    if (!words)
        fail("the words do not fit into memory");
    size_t all = words_in(text, size, words), different = counted(words, all);
    put_byte('{');
    put_count("bytes", (long long)size);
    put_count("characters", marks);
    put_count("lines", lines);
    put_count("longest_line", longest);
    put_count("words", (long long)all);
    put_count("different_words", (long long)different);
    put("\"most_common\":[");
    for (size_t i = 0; i < different && i < MOST; i++) {
        put(i ? ",{" : "{");
        put_count("count", words[i].count);
        put("\"word\":");
        put_json(words[i].text);
        put_byte('}');
    }
    put("]}\n");
}

int main(int count, char **arguments) {
    int flags = 0, at = 1;
    setlocale(LC_CTYPE, "C.UTF-8");
    for (; at < count && !strncmp(arguments[at], "--", 2); at++) {
        if (!strcmp(arguments[at], "--ignore-case"))
            flags |= REG_ICASE;
        else if (!strcmp(arguments[at], "--lines"))
            flags |= REG_NEWLINE;
        else
            fail("the options are --ignore-case and --lines");
    }
    if (count - at == 1 && !strcmp(arguments[at], "statistics"))
        statistics();
    else if (count - at == 3 && !strcmp(arguments[at], "find"))
        find(compiled(arguments[at + 2], flags), flags & REG_NEWLINE);
    else if (count - at == 4 && !strcmp(arguments[at], "replace"))
        replace(compiled(arguments[at + 2], flags), flags & REG_NEWLINE, arguments[at + 3]);
    else
        fail("it takes 'find -- PATTERN', 'replace -- PATTERN WITH' or 'statistics'");
    flush();
    return 0;
}
