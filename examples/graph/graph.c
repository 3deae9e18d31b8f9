/* Draws a graph: DOT or a list of edges on standard input, SVG out.
 *
 * Only whole numbers are used, so the same graph gives the same bytes everywhere.
 */
#include "layout.h"

#define NODE_HEIGHT 32
#define LETTER 8
#define LOOP_ROOM 24

/* How many characters there are, up to MAX_LABEL; `size` becomes that of their bytes. */
static int characters(struct text text, size_t *size) {
    int count = 0;
    *size = 0;
    while (*size < text.size && count < MAX_LABEL) {
        do
            ++*size;
        while (*size < text.size && (text.at[*size] & 0xc0) == 0x80);
        count++;
    }
    return count;
}

/* Text that ends up in XML: escaped, and without the control characters XML forbids. */
static void put_xml(struct text text) {
    size_t size;
    characters(text, &size);
    for (size_t i = 0; i < size; i++) {
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
    if (size < text.size)
        put("…");
}

static void put_attribute(const char *name, int value) {
    put(" ");
    put(name);
    put("=\"");
    put_number(value);
    put("\"");
}

static void put_place(const char *command, int along, int across) {
    put(command);
    put_number(graph.is_sideways ? across : along);
    put(",");
    put_number(graph.is_sideways ? along : across);
}

static void put_text(int along, int across, const char *more, struct text text) {
    put("<text");
    put_attribute("x", graph.is_sideways ? across : along);
    put_attribute("y", (graph.is_sideways ? along : across) + 5);
    put(more);
    put(">");
    put_xml(text);
    put("</text>\n");
}

static void put_arrow(int along, int across, int direction) {
    if (!graph.is_directed)
        return;
    put_place("<path class=\"arrow\" d=\"M", along, across);
    put_place(" L", along - 4, across - 9 * direction);
    put_place(" L", along + 4, across - 9 * direction);
    put(" Z\"/>\n");
}

static void put_curve(struct point from, struct point to) {
    int middle = (from.across + to.across) / 2;
    put_place(" C", from.along, middle);
    put_place(" ", to.along, middle);
    put_place(" ", to.along, to.across);
}

static void put_loop(int edge) {
    struct point node = layout.points[graph.edges[edge].from];
    int side = node.along + node.length / 2 - LOOP_ROOM, end = side + LOOP_ROOM;
    put_place("<path class=\"edge\" d=\"M", side, node.across - 6);
    put_place(" C", end, node.across - 16);
    put_place(" ", end, node.across + 16);
    put_place(" ", side, node.across + 6);
    put("\"/>\n");
    put_text(end + 4, node.across, "", graph.edges[edge].label);
}

static void put_edge(int edge) {
    struct route route = layout.routes[edge];
    struct point from = layout.points[start_of(edge)], to = layout.points[end_of(edge)];
    from.across += from.depth / 2;
    to.across -= to.depth / 2;
    put_place("<path class=\"edge\" d=\"M", from.along, from.across);
    struct point at = from, middle = from, after = to;
    for (int i = 0; i <= route.bends; i++) {
        struct point next = i < route.bends ? layout.points[route.first_bend + i] : to;
        put_curve(at, next);
        if (i == route.bends / 2)
            middle = at, after = next;
        at = next;
    }
    put("\"/>\n");
    if (route.is_turned)
        put_arrow(from.along, from.across, -1);
    else
        put_arrow(to.along, to.across, 1);
    if (graph.edges[edge].label.size)
        put_text((middle.along + after.along) / 2, (middle.across + after.across) / 2,
                 " class=\"label\"", graph.edges[edge].label);
}

static bool has_loop(int node) {
    for (int i = 0; i < graph.edge_count; i++)
        if (is_loop(i) && graph.edges[i].from == node)
            return true;
    return false;
}

static int width_of(int node) {
    size_t size;
    return 24 + LETTER * characters(graph.nodes[node].label, &size);
}

static void put_node(int node) {
    struct point point = layout.points[node];
    int width = width_of(node);
    int along = point.along - (has_loop(node) ? LOOP_ROOM / 2 : 0);
    put("<rect rx=\"6\"");
    put_attribute("x", (graph.is_sideways ? point.across : along) - width / 2);
    put_attribute("y", (graph.is_sideways ? along : point.across) - NODE_HEIGHT / 2);
    put_attribute("width", width);
    put_attribute("height", NODE_HEIGHT);
    put("/>");
    put_text(along, point.across, "", graph.nodes[node].label);
}

int main(int count, char **arguments) {
    if (count > 1 && !strcmp(arguments[1], "--sideways"))
        graph.is_sideways = true;
    else if (count > 1)
        fail("the only option is --sideways");
    read_graph();
    for (int i = 0; i < graph.node_count; i++) {
        int width = width_of(i);
        layout.points[i].length = (graph.is_sideways ? NODE_HEIGHT : width) + (has_loop(i) ? LOOP_ROOM : 0);
        layout.points[i].depth = graph.is_sideways ? width : NODE_HEIGHT;
    }
    lay_out();
    put("<svg xmlns=\"http://www.w3.org/2000/svg\" font-family=\"sans-serif\" font-size=\"14\"");
    put_attribute("width", graph.is_sideways ? layout.across : layout.along);
    put_attribute("height", graph.is_sideways ? layout.along : layout.across);
    put(">\n<style>text{text-anchor:middle}rect{fill:#eef3f8;stroke:#35597a}"
        ".edge{fill:none;stroke:#667}.arrow{fill:#667}"
        ".label{font-size:12px;fill:#445;stroke:#fff;stroke-width:3px;paint-order:stroke}</style>\n"
        "<rect width=\"100%\" height=\"100%\" style=\"fill:#fff;stroke:none\"/>\n");
    for (int i = 0; i < graph.edge_count; i++) {
        if (is_loop(i))
            put_loop(i);
        else
            put_edge(i);
    }
    for (int i = 0; i < graph.node_count; i++)
        put_node(i);
    put("</svg>\n");
    flush();
    return 0;
}
