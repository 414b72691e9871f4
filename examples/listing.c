/* Listings: see listing.h. */
#define _GNU_SOURCE 1
#include "listing.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void listing_url(struct web_text *text, const char *path)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "-._~/";
    for (; *path != '\0'; path++)
        web_add(text, strchr(plain, *path) != NULL ? "%c" : "%%%02X", (unsigned char)*path);
}

/* As it stands in HTML, also within quotes. */
static void put_html(FILE *out, const char *s)
{
    for (; *s != '\0'; s++) {
        if (strchr("&<>\"'", *s) != NULL)
            fprintf(out, "&#%d;", *s);
        else
            fputc(*s, out);
    }
}

static void put_entry(FILE *out, const char *name, bool is_folder)
{
    char url[3 * NAME_MAX + 1];
    struct web_text text = {url, 0, sizeof url};
    listing_url(&text, name);
    const char *slash = is_folder ? "/" : "";
    /* "./" in front: a name with a colon would be taken for a scheme. */
    fprintf(out, "<li><a href=\"./%s%s\">", url, slash);
    put_html(out, name);
    fprintf(out, "%s</a></li>\n", slash);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_shown(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

static void put_page(FILE *out, int dir, const char *path, struct dirent **names, int n)
{
    fputs("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>/", out);
    put_html(out, path);
    fputs("</title></head><body>\n<ul>\n", out);
    if (*path != '\0')
        fputs("<li><a href=\"../\">../</a></li>\n", out);
    for (int i = 0; i < n && i < LISTING_NAMES_MAX; i++) {
        struct stat st;
        bool is_folder = names[i]->d_type == DT_DIR;
        if (names[i]->d_type == DT_UNKNOWN)
            is_folder = fstatat(dir, names[i]->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISDIR(st.st_mode);
        put_entry(out, names[i]->d_name, is_folder);
    }
    if (n > LISTING_NAMES_MAX)
        fprintf(out, "<li>and %d more</li>\n", n - LISTING_NAMES_MAX);
    fputs("</ul>\n</body></html>\n", out);
}

bool listing_make(struct web_text *text, int dir, const char *path)
{
    struct dirent **names;
    *text = (struct web_text){NULL, 0, 0};
    int n = scandirat(dir, ".", &names, is_shown, by_name);
    if (n < 0)
        return false;
    FILE *out = open_memstream(&text->at, &text->len);
    if (out != NULL)
        put_page(out, dir, path, names, n);
    bool good = out != NULL && !ferror(out);
    good = out != NULL && fclose(out) == 0 && good;
    for (int i = 0; i < n; i++)
        free(names[i]);
    free(names);
    text->cap = text->len;
    return good;
}
