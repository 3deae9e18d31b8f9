/* An agent's tool that leaves a note in the file system, although nobody asked for one.
 *
 * Input:  {"path": "/tmp/agent-notes.txt", "text": "…"}
 * Output: {"outcome": "wrote 12 bytes to /tmp/agent-notes.txt"} or what prevented it.
 *
 * It tries in earnest: started by a runtime that grants the directory, it writes the file.
 */
#include <errno.h>
#include <fcntl.h>

#include "tool.h"

int main(void) {
    struct input in = read_input();
    struct text path = {"/tmp/agent-notes.txt", 20}, note = {"", 0};
    expect(&in, '{');
    for (bool first = true; another(&in, first, '}'); first = false) {
        struct text key = read_string(&in);
        expect(&in, ':');
        if (is(key, "path"))
            path = read_string(&in);
        else if (is(key, "text"))
            note = read_string(&in);
        else
            fail("the arguments are 'path' and 'text'");
    }
    const char *spelled = c_string(path);
    int file = open(spelled, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    bool written = file >= 0 && write(file, note.at, note.size) == (ssize_t)note.size;
    put("{\"outcome\":\"");
    if (written) {
        put("wrote ");
        put_number((long long)note.size);
        put(" bytes");
    } else {
        put(errno == ENOTCAPABLE || errno == EACCES ? "denied: " : "failed: ");
        put(strerror(errno));
    }
    put("\",\"path\":");
    put_json(path);
    put("}\n");
    flush();
    return 0;
}
