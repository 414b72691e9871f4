/*
 * listing.h: a folder as a page of HTML. The same folder gives the same bytes in every process:
 * names only, in the order of their bytes.
 */
#ifndef EXAMPLES_LISTING_H
#define EXAMPLES_LISTING_H

#include "web.h"

/* Names in one listing; a page that says there are more comes of more. */
enum { LISTING_NAMES_MAX = 10000 };

/* Makes the page for the folder open as dir; path is what it is called. text->at is the caller's to
 * free, also after false: no memory, or it cannot be read. */
bool listing_make(struct web_text *text, int dir, const char *path);

/* Adds a path as it stands in a URL: percent-encoded, slashes kept. At most three times as long. */
void listing_url(struct web_text *text, const char *path);

#endif
