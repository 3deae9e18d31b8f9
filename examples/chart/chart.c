/* Draws counts as a bar chart.
 *
 * Input:  [{"name": "payments", "count": 31}, …] on standard input, --title=… as argument.
 * Output: SVG.
 *
 * Only whole numbers are used, so the same counts give the same bytes everywhere.
 */
#include "tool.h"

#define MAX_BARS 32
#define ROW 28
#define LEFT 140
#define LONGEST 420
#define WIDTH (LEFT + LONGEST + 80)
#define TOP 48

struct bar {
    struct text name;
    long long count;
};

/* Text that ends up in XML: escaped, and without the control characters XML forbids. */
static void put_xml(struct text text) {
    for (size_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        if (byte == '<')
            put("&lt;");
        else if (byte == '>')
            put("&gt;");
        else if (byte == '&')
            put("&amp;");
        else if (byte >= 0x20 && byte != 0x7f)
            put_byte((char)byte);
    }
}

static void put_attribute(const char *name, long long value) {
    put(" ");
    put(name);
    put("=\"");
    put_number(value);
    put("\"");
}

static void put_label(long long x, long long y, const char *more) {
    put("<text");
    put_attribute("x", x);
    put_attribute("y", y);
    put(more);
    put(">");
}

static struct bar read_bar(struct input *in) {
    struct bar bar = {0};
    expect(in, '{');
    for (bool first = true; another(in, first, '}'); first = false) {
        struct text key = read_string(in);
        expect(in, ':');
        if (is(key, "name"))
            bar.name = read_string(in);
        else if (is(key, "count"))
            bar.count = read_count(in);
        else
            fail("a bar has a 'name' and a 'count'");
    }
    return bar;
}

static size_t read_bars(struct bar *bars) {
    struct input in = read_input();
    size_t size = 0;
    expect(&in, '[');
    for (bool first = true; another(&in, first, ']'); first = false) {
        if (size == MAX_BARS)
            fail("a chart has at most 32 bars");
        bars[size++] = read_bar(&in);
    }
    return size;
}

static struct text title_in(const char *argument) {
    static const char option[] = "--title=";
    size_t size = strlen(option);
    if (strncmp(argument, option, size))
        fail("the only option is --title=TEXT");
    return (struct text){argument + size, strlen(argument + size)};
}

int main(int count, char **arguments) {
    static struct bar bars[MAX_BARS];
    size_t size = read_bars(bars);
    long long largest = 1;
    for (size_t i = 0; i < size; i++)
        if (bars[i].count > largest)
            largest = bars[i].count;
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"14\"");
    put_attribute("width", WIDTH);
    put_attribute("height", TOP + ROW * (long long)size + 12);
    put(">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
    put_label(12, 28, " font-size=\"18\"");
    if (count > 1)
        put_xml(title_in(arguments[1]));
    put("</text>\n");
    for (size_t i = 0; i < size; i++) {
        long long top = TOP + ROW * (long long)i;
        long long length = bars[i].count * LONGEST / largest;
        put_label(LEFT - 8, top + 17, " text-anchor=\"end\"");
        put_xml(bars[i].name);
        put("</text><rect");
        put_attribute("x", LEFT);
        put_attribute("y", top);
        put_attribute("width", length);
        put_attribute("height", ROW - 6);
        put(" fill=\"#b5442e\"/>");
        put_label(LEFT + length + 8, top + 17, "");
        put_number(bars[i].count);
        put("</text>\n");
    }
    put("</svg>\n");
    flush();
    return 0;
}
