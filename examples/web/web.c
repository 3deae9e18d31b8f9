/* Reads a web page and gives its text, without the markup. Of plain text, it gives all.
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
static bool is_line_begun, is_after_space;

static void show(char byte) {
    if (strchr(" \t\r\n", byte)) { /* Or a NUL byte. */
        is_after_space = true;
        return;
    }
    if (shown++ >= MAX_TEXT)
        return;
    if (is_line_begun && is_after_space)
        put_byte(' ');
    put_byte(byte);
    is_line_begun = true;
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
static enum { START, PLAIN, TEXT, NAME, INSIDE, HIDDEN, HIDDEN_TAG, ENTITY } state;

static bool is_tag(const char *const *names) {
    for (; *names; names++)
        if (!strcasecmp(tag, *names))
            return true;
    return false;
}

static const char *const HIDING[] = {"script", "style", "svg", "title", "noscript", 0};
static const char *const UNHIDING[] = {"/script", "/style", "/svg", "/title", "/noscript", 0};
static const char *const INLINE[] = {"a", "/a", "b", "/b", "i", "/i", "em", "/em", "code",
                                     "/code", "span", "/span", "strong", "/strong", 0};

static void add_to_name(char byte) {
    if (tag_size < sizeof tag - 1)
        tag[tag_size++] = byte;
    tag[tag_size] = 0;
}

static void end_tag(void) {
    if (is_tag(HIDING)) {
        state = HIDDEN;
        return;
    }
    if (state == HIDDEN_TAG && !is_tag(UNHIDING)) {
        state = HIDDEN;
        return;
    }
    if (!is_tag(INLINE))
        end_line();
    state = TEXT;
}

static void end_entity(void) {
    static const struct {
        const char *name;
        char byte;
    } known[] = {{"amp", '&'},  {"lt", '<'},   {"gt", '>'},
                 {"quot", '"'}, {"nbsp", ' '}, {"#39", '\''}};
    state = TEXT;
    for (size_t at = 0; at < sizeof known / sizeof *known; at++) {
        if (!strcmp(tag, known[at].name)) {
            show(known[at].byte);
            return;
        }
    }
    show('?');
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
    case NAME:
    case HIDDEN_TAG:
        if (byte == '>')
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
        if (byte == ';' || tag_size == sizeof tag - 1)
            end_entity();
        else
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
    if (state != PLAIN)
        end_line();
    flush();
    return 0;
}
