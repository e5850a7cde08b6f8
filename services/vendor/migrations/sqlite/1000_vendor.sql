-- Knowledge. search_text is title and body in lower case.
CREATE TABLE articles (
    article_id   TEXT   NOT NULL PRIMARY KEY,
    product_id   TEXT   NOT NULL,
    title        TEXT   NOT NULL,
    body         TEXT   NOT NULL,
    audience     TEXT   NOT NULL,
    search_text  TEXT   NOT NULL,
    published_at BIGINT NOT NULL
);
CREATE INDEX articles_product ON articles (product_id, published_at);
