/* Asks a URL, and gives what it answers.
 *
 * Input:  {"url": "https://…", "body": "…", "file": "/notes/today.txt"}
 * Output: {"status": 200, "body": "…"} or {"failed": "…"}
 *
 * With a body, or with a file whose content is the body, it is a POST; else a GET. What the
 * tool may ask is not its business: it trusts its input, and its host does not.
 */
#include <errno.h>
#include <fcntl.h>

#include "answer.h"

static struct text content_of(const char *path) {
    int file = open(path, O_RDONLY);
    char *bytes = malloc(MAX_ANSWER_BYTES);
    ssize_t size = file < 0 || !bytes ? -1 : read(file, bytes, MAX_ANSWER_BYTES);
    if (size < 0)
        fail("cannot read the file");
    return (struct text){bytes, (size_t)size};
}

int main(void) {
    struct input in = read_input();
    struct text body = {0, 0};
    const char *url = 0;
    expect(&in, '{');
    for (bool first = true; another(&in, first, '}'); first = false) {
        struct text key = read_string(&in);
        expect(&in, ':');
        if (is(key, "url"))
            url = c_string(read_string(&in));
        else if (is(key, "body"))
            body = read_string(&in);
        else if (is(key, "file"))
            body = content_of(c_string(read_string(&in)));
        else
            fail("the arguments are 'url', 'body' and 'file'");
    }
    if (!url)
        fail("there is no 'url'");
    const char *headers[] = {"accept", "*/*", 0};
    struct answer answer = ask(body.at ? "POST" : "GET", url, headers, body.at ? &body : 0);
    if (answer.error) {
        put("{\"failed\":\"");
        put(answer.error == ENOTCAPABLE ? "denied: " : "");
        put(strerror(answer.error));
        put("\"}\n");
    } else {
        put("{\"status\":");
        put_number(answer.status);
        put(",\"body\":");
        put_json(answer.body);
        put("}\n");
    }
    flush();
    return 0;
}
