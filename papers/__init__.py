"""Published layers, judged by this project's kit: a folder and a page for each paper."""
