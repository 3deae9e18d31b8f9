/* Reads a web page and gives its text, without the markup. Of plain text, it gives all.
 *
 * Headings begin with #, the items of a list with -, and what is preformatted keeps its lines.
 * Menus, footers, scripts and the like are left out.
 *
 * The program asks for any URL. Which ones it gets is for the policy to say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hatchway_fetch.h"
#include "tool.h"

#define MAX_TEXT ((size_t)64 << 10) /* More than anybody wants to read at once. */

static size_t shown;
static bool is_line_begun, is_after_space, is_preformatted;
static const char *mark = ""; /* What the next line begins with. */

static void begin_line(void) {
    if (!is_line_begun)
        put(mark);
    mark = "";
    is_line_begun = true;
}

static void show(char byte) {
    if (is_preformatted && byte) {
        if (shown++ < MAX_TEXT) {
            begin_line();
            put_byte(byte);
            is_line_begun = byte != '\n';
        }
        return;
    }
    if (strchr(" \t\r\n", byte)) { /* Or a NUL byte. */
        is_after_space = true;
        return;
    }
    if (shown++ >= MAX_TEXT)
        return;
    if (is_line_begun && is_after_space)
        put_byte(' ');
    begin_line();
    put_byte(byte);
    is_after_space = false;
}

static void end_line(void) {
    if (is_line_begun)
        put_byte('\n');
    is_line_begun = is_after_space = false;
}

/* Markup: what stands between < and >, and the content of scripts. */

static char tag[16]; /* The name of the tag that was last begun. */
static size_t tag_size;
static char quote; /* Around the value of an attribute; 0 outside of one. */
static enum { START, PLAIN, TEXT, NAME, INSIDE, HIDDEN, HIDDEN_TAG, ENTITY, COMMENT } state;
static char hidden_by[16]; /* The name of the tag whose content is hidden. */

static bool is_tag(const char *const *names) {
    for (; *names; names++)
        if (!strcasecmp(tag, *names))
            return true;
    return false;
}

static const char *const HIDING[] = {"script", "style", "svg", "title", "noscript", "nav",
                                     "footer", "aside", "template", "iframe", "select", 0};
static const char *const INLINE[] = {"a", "/a", "b", "/b", "i", "/i", "em", "/em", "code",
                                     "/code", "span", "/span", "strong", "/strong", 0};

static void add_to_name(char byte) {
    if (tag_size < sizeof tag - 1)
        tag[tag_size++] = byte;
    tag[tag_size] = 0;
}

static void choose_mark(void) {
    static const char *const marks[] = {"# ", "## ", "### ", "#### ", "##### ", "###### "};
    bool is_heading = (tag[0] | 32) == 'h' && tag[1] >= '1' && tag[1] <= '6' && !tag[2];
    mark = is_heading ? marks[tag[1] - '1'] : !strcasecmp(tag, "li") ? "- " : "";
}

static void end_tag(void) {
    if (state == HIDDEN_TAG) {
        bool is_end = tag[0] == '/' && !strcasecmp(tag + 1, hidden_by);
        state = is_end ? TEXT : HIDDEN;
        return;
    }
    state = TEXT;
    if (is_tag(HIDING)) {
        strcpy(hidden_by, tag);
        state = HIDDEN;
        return;
    }
    if (is_tag(INLINE))
        return;
    end_line();
    if (!strcasecmp(tag, "pre") || !strcasecmp(tag, "/pre"))
        is_preformatted = tag[0] != '/';
    choose_mark();
}

static void show_point(uint32_t point) {
    char bytes[4], *end;
    bool is_none = point == 0 || (point >= 0xd800 && point < 0xe000) || point > 0x10ffff;
    end = put_utf8(bytes, is_none ? 0xfffd : point);
    for (char *at = bytes; at < end; at++)
        show(*at);
}

/* Those that stand in text; whoever wants others writes numbers. */
static uint32_t point_named(const char *name) {
    static const struct {
        const char *name;
        uint32_t point;
    } known[] = {
        {"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
        {"apos", '\''},     {"nbsp", ' '},      {"shy", 0xad},      {"copy", 0xa9},
        {"reg", 0xae},      {"deg", 0xb0},      {"sect", 0xa7},     {"para", 0xb6},
        {"middot", 0xb7},   {"laquo", 0xab},    {"raquo", 0xbb},    {"times", 0xd7},
        {"divide", 0xf7},   {"plusmn", 0xb1},   {"frac12", 0xbd},   {"euro", 0x20ac},
        {"pound", 0xa3},    {"cent", 0xa2},     {"yen", 0xa5},      {"ndash", 0x2013},
        {"mdash", 0x2014},  {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"ldquo", 0x201c},
        {"rdquo", 0x201d},  {"bdquo", 0x201e},  {"bull", 0x2022},   {"hellip", 0x2026},
        {"larr", 0x2190},   {"rarr", 0x2192},   {"trade", 0x2122},  {"minus", 0x2212},
        {"auml", 0xe4},     {"ouml", 0xf6},     {"uuml", 0xfc},     {"szlig", 0xdf},
        {"Auml", 0xc4},     {"Ouml", 0xd6},     {"Uuml", 0xdc},     {"eacute", 0xe9},
        {"egrave", 0xe8},   {"agrave", 0xe0},   {"ccedil", 0xe7},   {"ntilde", 0xf1},
    };
    for (size_t at = 0; at < sizeof known / sizeof *known; at++)
        if (!strcmp(name, known[at].name))
            return known[at].point;
    return 0;
}

static void end_entity(bool is_closed) {
    bool is_hex = (tag[1] | 32) == 'x';
    bool is_number = tag[0] == '#' && (is_hex || (tag[1] >= '0' && tag[1] <= '9'));
    state = TEXT;
    uint32_t point = is_number ? (uint32_t)strtoul(tag + 1 + is_hex, 0, is_hex ? 16 : 10)
                               : point_named(tag);
    if (point || is_number) {
        show_point(point);
        return;
    }
    show('&'); /* It is none, then. */
    for (const char *at = tag; *at; at++)
        show(*at);
    if (is_closed)
        show(';');
}

static void take(char byte) {
    bool is_name_over = strchr(" \t\r\n/", byte) && tag_size;
    switch (state) {
    case START:
        if (!strchr(" \t\r\n", byte))
            state = byte == '<' ? NAME : PLAIN;
        if (state != PLAIN)
            break;
        /* fall through */
    case PLAIN:
        if (shown++ < MAX_TEXT)
            put_byte(byte);
        break;
    case TEXT:
    case HIDDEN:
        if (byte == '<')
            state = state == TEXT ? NAME : HIDDEN_TAG;
        else if (byte == '&' && state == TEXT)
            state = ENTITY;
        else if (state == TEXT)
            show(byte);
        tag_size = 0;
        tag[0] = 0;
        break;
    case COMMENT: /* Until -->, of which the name keeps the last two marks. */
        if (byte == '>' && tag[0] == '-' && tag[1] == '-')
            state = TEXT;
        tag[0] = tag[1];
        tag[1] = byte;
        break;
    case NAME:
    case HIDDEN_TAG:
        if (state == NAME && byte == '-' && !strcmp(tag, "!-")) {
            state = COMMENT;
            tag[0] = tag[1] = 0;
        } else if (byte == '>')
            end_tag();
        else if (byte == '<')
            tag_size = 0;
        else if (state == NAME && is_name_over)
            state = INSIDE;
        else
            add_to_name(byte);
        break;
    case INSIDE:
        if (quote ? byte == quote : byte == '"' || byte == '\'')
            quote = quote ? 0 : byte;
        else if (byte == '>' && !quote)
            end_tag();
        break;
    case ENTITY:
        if (byte == ';')
            end_entity(true);
        else if (strchr(" \t\r\n<&", byte) || tag_size == sizeof tag - 1) {
            end_entity(false);
            take(byte);
        } else
            add_to_name(byte);
        break;
    }
}

static const char *why(int error) {
    switch (error) {
    case ENOTCAPABLE:
        return "that address is not allowed";
    case EINVAL:
        return "that is not an address of the web";
    case ETIMEDOUT:
        return "it took too long";
    case EMSGSIZE:
        return "it is too large";
    case EHOSTUNREACH:
        return "there is no such place";
    default:
        return "it cannot be reached";
    }
}

int main(int count, char **arguments) {
    static const char *const headers[] = {"accept", "text/html, text/plain;q=0.9",
                                          "accept-encoding", "identity", 0};
    static char buffer[1 << 15];
    struct hatchway_response response;
    size_t size;
    if (count != 2)
        fail("it takes one address");
    int error = hatchway_fetch("GET", arguments[1], headers, 0, 0, &response);
    if (error)
        fail(why(error));
    if (response.status >= 400)
        fail(response.status == 404 ? "there is no such page" : "the site answered with an error");
    while ((size = hatchway_fetch_read(&response, buffer, sizeof buffer)))
        for (size_t at = 0; at < size; at++)
            take(buffer[at]);
    if (response.error)
        fail(why(response.error));
    if (state == ENTITY)
        end_entity(false);
    if (state != PLAIN)
        end_line();
    flush();
    return 0;
}
