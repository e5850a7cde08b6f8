//! Knowledge: articles, who may read them, and how they are found.

use jiff::Timestamp;
use vouch_core::code::ProductId;
use vouch_core::id::ArticleId;

/// Who may read an article. Ordered from the widest audience to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Partners and end users.
    Public,
    /// Partners.
    Partner,
    /// The vendor's own.
    Internal,
}

impl Audience {
    /// Every audience.
    pub const ALL: [Self; 3] = [Self::Public, Self::Partner, Self::Internal];

    /// The word that is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Partner => "partner",
            Self::Internal => "internal",
        }
    }

    /// Reads the word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|audience| audience.as_str() == text)
    }
}

/// An article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its id.
    pub id: ArticleId,
    /// What is published.
    pub content: ArticleContent,
    /// When it was published.
    pub published_at: Timestamp,
}

/// What is published of an article.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleContent {
    /// The product.
    pub product_id: ProductId,
    /// One line.
    pub title: String,
    /// What to know and do.
    pub body: String,
    /// Who may read it.
    pub audience: Audience,
}

impl ArticleContent {
    /// The text in which words are looked for.
    pub fn search_text(&self) -> String {
        format!("{}\n{}", self.title, self.body).to_lowercase()
    }
}

/// The words of a query, in lower case, each once.
pub fn words(query: &str) -> Vec<String> {
    let mut words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    words.sort();
    words.dedup();
    words
}

/// The word that narrows a search most: the longest is the rarest, most likely.
pub fn narrowing(words: &[String]) -> &str {
    words.iter().max_by_key(|word| word.len()).map_or("", String::as_str)
}

/// Puts articles that have every word in order: those with more of the words in their title first, then the younger.
pub fn rank(mut articles: Vec<Article>, words: &[String]) -> Vec<Article> {
    articles.retain(|article| {
        let text = article.content.search_text();
        words.iter().all(|word| text.contains(word.as_str()))
    });
    articles.sort_by_cached_key(|article| {
        let title = article.content.title.to_lowercase();
        let in_title = words.iter().filter(|word| title.contains(word.as_str())).count();
        (std::cmp::Reverse(in_title), std::cmp::Reverse(article.published_at), article.id)
    });
    articles
}

#[cfg(test)]
mod tests {
    //! Proves Q04.

    use vouch_core::World;

    use super::*;

    fn article(title: &str, body: &str, day: i8) -> Article {
        Article {
            id: World::system().id(),
            content: ArticleContent {
                product_id: ProductId::parse("atlas").unwrap(),
                title: title.into(),
                body: body.into(),
                audience: Audience::Public,
            },
            published_at: format!("2026-06-{day:02}T00:00:00Z").parse().unwrap(),
        }
    }

    #[test]
    fn q04_every_word_must_be_there_and_a_hit_in_the_title_counts_more() {
        let articles = vec![
            article("Backups", "The disk is full.", 3),
            article("Disk full", "Clean up.", 1),
            article("Disk", "Is it full?", 2),
            article("Disk", "Slow.", 4),
        ];
        let found = rank(articles, &words("FULL disk full"));
        let titles: Vec<_> = found.iter().map(|article| article.content.title.as_str()).collect();
        assert_eq!(titles, ["Disk full", "Disk", "Backups"]);
    }
}
