//! Knowledge articles.

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use vouch_core::code::ProductId;
use vouch_core::id::ArticleId;
use vouch_storage::{StoreError, WriteError, row};

use crate::domain::article::{Article, ArticleContent, Audience};

/// Adds an article.
pub async fn article_insert(connection: &mut AnyConnection, article: &Article) -> Result<(), WriteError> {
    let content = &article.content;
    sqlx::query(
        "INSERT INTO articles (article_id, product_id, title, body, audience, search_text, published_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(article.id.to_string())
    .bind(content.product_id.as_str())
    .bind(&content.title)
    .bind(&content.body)
    .bind(content.audience.as_str())
    .bind(content.search_text())
    .bind(article.published_at.as_microsecond())
    .execute(connection)
    .await?;
    Ok(())
}

/// The article with this id.
pub async fn article_fetch(connection: &mut AnyConnection, id: ArticleId) -> Result<Option<Article>, StoreError> {
    let found = sqlx::query("SELECT * FROM articles WHERE article_id = $1").bind(id.to_string());
    found.fetch_optional(connection).await?.as_ref().map(read_article).transpose()
}

/// The youngest articles of a product in which a word stands and that these audiences may read, at most `limit`.
pub async fn article_list_with(
    connection: &mut AnyConnection,
    product_id: &ProductId,
    word: &str,
    narrowest: Audience,
    limit: i64,
) -> Result<Vec<Article>, StoreError> {
    // The word is text and no pattern: what LIKE would read as a wildcard is escaped.
    let pattern = format!("%{}%", word.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
    let rows = sqlx::query(
        "SELECT * FROM articles WHERE product_id = $1 AND search_text LIKE $2 ESCAPE '\\'
           AND audience IN ($3, $4, $5)
         ORDER BY published_at DESC, article_id LIMIT $6",
    )
    .bind(product_id.as_str())
    .bind(pattern)
    .bind(Audience::Public.as_str())
    .bind(Audience::Partner.min(narrowest).as_str())
    .bind(Audience::Internal.min(narrowest).as_str())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.iter().map(read_article).collect()
}

fn read_article(found: &AnyRow) -> Result<Article, StoreError> {
    Ok(Article {
        id: row::id(found, "article_id")?,
        content: ArticleContent {
            product_id: row::parsed(found, "product_id", ProductId::parse)?,
            title: row::text(found, "title")?,
            body: row::text(found, "body")?,
            audience: row::word(found, "audience", Audience::parse)?,
        },
        published_at: row::instant(found, "published_at")?,
    })
}
