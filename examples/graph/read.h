/* A graph, and the two ways to write it down that are understood.
 *
 * DOT: nodes, edges, labels and rankdir; all other attributes are read over, subgraphs are
 * flattened. Or a list of edges, one a line: `a -> b`, `a -- b`, `a b` or `a,b`, and a label.
 */
#ifndef READ_H
#define READ_H

#include "tool.h"

#define MAX_NODES 200
#define MAX_EDGES 1000
#define MAX_LABEL 60
#define MAX_NESTING 32

struct node {
    struct text name, label;
};

struct edge {
    int from, to;
    struct text label;
};

static struct {
    struct node nodes[MAX_NODES];
    struct edge edges[MAX_EDGES];
    int node_count, edge_count;
    bool is_directed, is_sideways;
} graph;

static bool is_same(struct text a, struct text b) {
    return a.size == b.size && !memcmp(a.at, b.at, a.size);
}

static int node_named(struct text name) {
    for (int i = 0; i < graph.node_count; i++)
        if (is_same(graph.nodes[i].name, name))
            return i;
    if (graph.node_count == MAX_NODES)
        fail("the graph has more than 200 nodes");
    graph.nodes[graph.node_count] = (struct node){name, name};
    return graph.node_count++;
}

static void add_edge(int from, int to) {
    if (graph.edge_count == MAX_EDGES)
        fail("the graph has more than 1000 edges");
    graph.edges[graph.edge_count++] = (struct edge){from, to, {0, 0}};
}

/* Words and marks. A token is a word ('w'), "->" ('>'), "--" ('-'), a mark, or the end (0). */

struct token {
    char kind;
    bool is_quoted;
    struct text text;
};

struct reader {
    char *at, *end;
    bool has_lines; /* Whether the end of a line is a mark. */
    struct token token;
};

static bool is_word(unsigned char byte) {
    return byte >= 0x80 || byte == '_' || byte == '.' || (byte >= '0' && byte <= '9') ||
           ((byte | 32) >= 'a' && (byte | 32) <= 'z');
}

static bool begins(const struct reader *in, const char *words) {
    size_t size = strlen(words);
    return (size_t)(in->end - in->at) >= size && !memcmp(in->at, words, size);
}

static void skip_comment(struct reader *in) {
    bool is_long = begins(in, "/*");
    while (in->at < in->end && (is_long ? !begins(in, "*/") : *in->at != '\n'))
        in->at++;
    if (is_long && in->at == in->end)
        fail("a comment does not end");
    in->at += is_long ? 2 : 0;
}

static void skip_space(struct reader *in) {
    while (in->at < in->end) {
        if (*in->at == '#' || begins(in, "//") || begins(in, "/*"))
            skip_comment(in);
        else if (strchr(" \t\r", *in->at) || (*in->at == '\n' && !in->has_lines))
            in->at++;
        else
            return;
    }
}

/* A quoted word, its escapes decoded where they stand; a line break in it becomes a space. */
static struct text quoted(struct reader *in) {
    char *start = ++in->at, *to = start;
    while (in->at < in->end && *in->at != '"') {
        char byte = *in->at++;
        if (byte == '\\' && in->at < in->end) {
            byte = *in->at++;
            byte = byte && strchr("nlrNGET", byte) ? ' ' : byte;
        }
        *to++ = byte;
    }
    if (in->at == in->end)
        fail("a quoted word does not end");
    in->at++;
    return (struct text){start, (size_t)(to - start)};
}

static void advance(struct reader *in) {
    skip_space(in);
    char *start = in->at;
    in->token = (struct token){0, false, {start, 0}};
    if (in->at == in->end)
        return;
    if (begins(in, "->") || begins(in, "--")) {
        in->token.kind = in->at[1];
        in->at += 2;
    } else if (*start == '"') {
        in->token = (struct token){'w', true, quoted(in)};
    } else if (is_word((unsigned char)*start) || (*start == '-' && in->end - start > 1 && is_word((unsigned char)start[1]))) {
        do
            in->at++;
        while (in->at < in->end && is_word((unsigned char)*in->at));
        in->token.kind = 'w';
        in->token.text.size = (size_t)(in->at - start);
    } else if (*start && strchr("{}[]=;,:\n", *start)) {
        in->token.kind = *in->at++;
    } else {
        fail(*start == '<' ? "labels in HTML are not understood" : "the graph has a mark that is not understood");
    }
}

static bool at_word(const struct reader *in, const char *word) {
    const struct text text = in->token.text;
    if (in->token.kind != 'w' || in->token.is_quoted || text.size != strlen(word))
        return false;
    for (size_t i = 0; i < text.size; i++)
        if ((text.at[i] | 32) != word[i])
            return false;
    return true;
}

static struct text taken(struct reader *in) {
    struct text text = in->token.text;
    if (in->token.kind != 'w')
        fail("the graph has a mark where a name belongs");
    advance(in);
    return text;
}

/* [label="…", …]: the label, if there is one. */
static struct text attributes(struct reader *in) {
    struct text label = {0, 0};
    while (in->token.kind == '[') {
        for (advance(in); in->token.kind != ']';) {
            struct text name = taken(in), value = {0, 0};
            if (in->token.kind == '=') {
                advance(in);
                value = taken(in);
            }
            label = is(name, "label") ? value : label;
            if (in->token.kind == ',' || in->token.kind == ';')
                advance(in);
        }
        advance(in);
    }
    return label;
}

static void skip_port(struct reader *in) {
    while (in->token.kind == ':') {
        advance(in);
        taken(in);
    }
}

/* A node, or edges from one to the next. */
static void statement(struct reader *in) {
    bool is_default = at_word(in, "node") || at_word(in, "edge") || at_word(in, "graph");
    struct text name = taken(in);
    if (in->token.kind == '=') {
        advance(in);
        struct text value = taken(in);
        graph.is_sideways |= is(name, "rankdir") && (is(value, "LR") || is(value, "RL"));
        return;
    }
    if (is_default) {
        attributes(in);
        return;
    }
    int node = node_named(name), first = graph.edge_count;
    for (skip_port(in); in->token.kind == '>' || in->token.kind == '-';) {
        advance(in);
        if (in->token.kind == '{')
            fail("a group of nodes at the end of an edge is not understood");
        int next = node_named(taken(in));
        skip_port(in);
        add_edge(node, next);
        node = next;
    }
    struct text label = attributes(in);
    if (first == graph.edge_count && label.at)
        graph.nodes[node].label = label;
    for (int i = first; i < graph.edge_count; i++)
        graph.edges[i].label = label;
}

static void read_dot(struct reader *in) {
    int depth = 0;
    if (at_word(in, "strict"))
        advance(in);
    graph.is_directed = at_word(in, "digraph");
    advance(in);
    if (in->token.kind == 'w')
        advance(in);
    do {
        if (at_word(in, "subgraph")) {
            advance(in);
            if (in->token.kind == 'w')
                advance(in);
            if (in->token.kind != '{')
                fail("after subgraph stands {");
        }
        if (in->token.kind == '{' && ++depth > MAX_NESTING)
            fail("groups are nested more than 32 deep");
        if (in->token.kind == '}')
            depth--;
        if (in->token.kind && strchr("{};", in->token.kind))
            advance(in);
        else if (depth > 0 && in->token.kind)
            statement(in);
        else
            fail("the graph lacks a brace");
    } while (depth > 0);
}

static void read_list(struct reader *in) {
    while (in->token.kind) {
        if (in->token.kind == '\n') {
            advance(in);
            continue;
        }
        int from = node_named(taken(in));
        graph.is_directed |= in->token.kind == '>' || in->token.kind == 'w' || in->token.kind == ',';
        if (in->token.kind == '>' || in->token.kind == '-' || in->token.kind == ',')
            advance(in);
        if (in->token.kind == 'w') {
            add_edge(from, node_named(taken(in)));
            if (in->token.kind == ':' || in->token.kind == ',')
                advance(in);
            if (in->token.kind == 'w')
                graph.edges[graph.edge_count - 1].label = taken(in);
        }
        if (in->token.kind && in->token.kind != '\n')
            fail("a line of the list is not: a node, an arrow, a node, and perhaps a label");
    }
}

static void read_graph(void) {
    struct input input = read_input();
    struct reader in = {.at = input.at, .end = input.end};
    skip_space(&in);
    bool is_list = in.at < in.end && *in.at == '"'; /* Which cannot be read twice. */
    struct reader ahead = in;
    if (!is_list)
        advance(&ahead);
    if (at_word(&ahead, "digraph") || at_word(&ahead, "graph") || at_word(&ahead, "strict")) {
        read_dot(&ahead);
        return;
    }
    in.has_lines = true;
    advance(&in);
    read_list(&in);
}

#endif
