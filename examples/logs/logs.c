/* Counts what an error log says: per level, per component, and when it began and ended.
 *
 * Input:  {"text": "2026-03-14T09:26:53Z ERROR payments: card declined\n…"}
 * Output: {"lines", "unrecognised", "first", "last", "levels": [{"name", "count"}, …],
 *          "components": [{"name", "count"}, …]}, the most frequent first.
 *
 * A line is recognised when it begins with a date, a level and a component with a colon.
 */
#include "tool.h"

#define MAX_NAMES 32
#define MAX_NAME_BYTES 40

struct tally {
    struct text name;
    long long count;
};

/* The last place is kept for everything that came too late to get a place of its own. */
struct tallies {
    struct tally items[MAX_NAMES];
    size_t size;
};

static void add(struct tallies *to, struct text name) {
    for (size_t i = 0; i < to->size; i++) {
        struct text known = to->items[i].name;
        if (known.size == name.size && !memcmp(known.at, name.at, name.size)) {
            to->items[i].count++;
            return;
        }
    }
    static const struct text other = {"other", 5};
    if (to->size >= MAX_NAMES - 1 && name.at != other.at)
        add(to, other);
    else
        to->items[to->size++] = (struct tally){name, 1};
}

static int compare(const void *left, const void *right) {
    const struct tally *a = left, *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    size_t shared = a->name.size < b->name.size ? a->name.size : b->name.size;
    int order = memcmp(a->name.at, b->name.at, shared);
    return order ? order : (int)a->name.size - (int)b->name.size;
}

static void put_tallies(const char *key, struct tallies *tallies) {
    qsort(tallies->items, tallies->size, sizeof *tallies->items, compare);
    put(",\"");
    put(key);
    put("\":[");
    for (size_t i = 0; i < tallies->size; i++) {
        put(i ? ",{\"name\":" : "{\"name\":");
        put_json(tallies->items[i].name);
        put(",\"count\":");
        put_number(tallies->items[i].count);
        put("}");
    }
    put("]");
}

/* The next word of a line, which loses it; empty when there is none. */
static struct text word(struct text *line) {
    while (line->size && *line->at == ' ')
        line->at++, line->size--;
    struct text found = {line->at, 0};
    while (line->size && *line->at != ' ')
        line->at++, line->size--, found.size++;
    return found;
}

static bool is_timestamp(struct text text) {
    if (text.size < 10 || text.size > MAX_NAME_BYTES)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        bool is_digit = text.at[i] >= '0' && text.at[i] <= '9';
        if (i < 10 ? (i == 4 || i == 7 ? text.at[i] != '-' : !is_digit)
                   : !is_digit && !memchr("T:.Z+-,", text.at[i], 7))
            return false;
    }
    return true;
}

static bool is_level(struct text text) {
    static const char *const known[] = {"TRACE", "DEBUG", "INFO",     "NOTICE", "WARN",
                                        "WARNING", "ERROR", "CRITICAL", "FATAL"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (is(text, known[i]))
            return true;
    return false;
}

static bool is_component(struct text text) {
    return text.size > 1 && text.size <= MAX_NAME_BYTES && text.at[text.size - 1] == ':';
}

/* ISO 8601 timestamps of one form sort as text. */
static bool is_before(struct text a, struct text b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.at, b.at, shared);
    return order ? order < 0 : a.size < b.size;
}

static struct text text_argument(void) {
    struct input in = read_input();
    struct text text = {0};
    expect(&in, '{');
    for (bool first = true; another(&in, first, '}'); first = false) {
        struct text key = read_string(&in);
        expect(&in, ':');
        if (!is(key, "text"))
            fail("the only argument is 'text'");
        text = read_string(&in);
    }
    return text;
}

int main(void) {
    struct text text = text_argument(), first = {0}, last = {0};
    static struct tallies levels, components;
    long long lines = 0, unrecognised = 0;
    for (const char *end = text.at + text.size, *at = text.at; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct text line = {at, (size_t)((stop ? stop : end) - at)};
        at += line.size + 1;
        if (line.size && line.at[line.size - 1] == '\r')
            line.size--;
        if (!line.size)
            continue;
        lines++;
        struct text when = word(&line), level = word(&line), component = word(&line);
        if (!is_timestamp(when) || !is_level(level) || !is_component(component)) {
            unrecognised++;
            continue;
        }
        if (!first.size || is_before(when, first))
            first = when;
        if (!last.size || is_before(last, when))
            last = when;
        component.size--;
        add(&levels, level);
        add(&components, component);
    }
    put("{\"lines\":");
    put_number(lines);
    put(",\"unrecognised\":");
    put_number(unrecognised);
    put(",\"first\":");
    put_json(first);
    put(",\"last\":");
    put_json(last);
    put_tallies("levels", &levels);
    put_tallies("components", &components);
    put("}\n");
    flush();
    return 0;
}
