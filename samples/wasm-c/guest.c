// Two functions in one WASI command: the event comes on standard input as JSON, the answer goes to standard output.
// The function's name is the first argument.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Reads all of standard input, NUL at the end.
static char *read_all(void) {
    size_t size = 0, room = 4096;
    char *text = malloc(room);
    for (size_t got; text && (got = fread(text + size, 1, room - size - 1, stdin)) > 0;) {
        size += got;
        if (room - size < 2) text = realloc(text, room *= 2);
    }
    if (text) text[size] = 0;
    return text;
}

// The text after `"name":"`, up to the quote that ends it, still escaped. Good enough for flat values.
static char *member(const char *json, const char *name) {
    char key[64];
    snprintf(key, sizeof key, "\"%s\":\"", name);
    const char *start = strstr(json, key);
    if (!start) return NULL;
    start += strlen(key);
    const char *end = start;
    while (*end && *end != '"') end += *end == '\\' && end[1] ? 2 : 1;
    char *text = strndup(start, end - start);
    return text;
}

int main(int argc, char **argv) {
    char *event = read_all();
    if (!event) return 1;
    if (argc > 0 && strcmp(argv[0], "HelloC") == 0) {
        char *name = member(event, "name");
        fprintf(stderr, "saying hello\n");
        printf("{\"Outputs\":{\"res\":{\"statusCode\":200,\"headers\":{\"content-type\":\"text/plain\"},"
               "\"body\":\"Hello, %s, from C!\"}}}", name ? name : "world");
        return 0;
    }
    // A queue message is JSON inside a JSON string: "\"text\"".
    char *message = member(event, "message");
    if (!message) {
        fprintf(stderr, "there is no message in %s\n", event);
        return 1;
    }
    char *text = message;
    size_t length = strlen(text);
    if (length >= 4 && strncmp(text, "\\\"", 2) == 0) {
        text[length - 2] = 0;
        text += 2;
    }
    for (char *letter = text; *letter; letter++) *letter = (char)toupper((unsigned char)*letter);
    printf("{\"Outputs\":{\"loud\":\"%s FROM C!\"},\"Logs\":[\"shouted\"]}", text);
    return 0;
}
