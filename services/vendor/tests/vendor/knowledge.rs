//! The knowledge base.
//!
//! Proves Q04.

use tonic::Status;
use vouch_contract::pb::common::v1::PageRequest;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::knowledge_service_client::KnowledgeServiceClient;
use vouch_host::testing::{BearerChannel, fields, fresh, refused};
use vouch_storage::on_both_engines;

use crate::support::Service;

fn editor(service: &Service) -> KnowledgeServiceClient<BearerChannel> {
    KnowledgeServiceClient::new(service.staff(&["knowledge-editor"]))
}

async fn publish(service: &Service, title: &str, body: &str, audience: pb::ArticleAudience) -> pb::Article {
    let article = pb::Article {
        product_id: "atlas".into(),
        title: title.into(),
        body: body.into(),
        audience: audience.into(),
        ..Default::default()
    };
    let request = pb::PublishArticleRequest { request_id: fresh(), article: Some(article) };
    editor(service).publish_article(request).await.unwrap().into_inner().article.unwrap()
}

fn search(query: &str) -> pb::SearchArticlesRequest {
    pb::SearchArticlesRequest { product_id: "atlas".into(), query: query.into(), page: None }
}

fn titles(answer: Result<tonic::Response<pb::SearchArticlesResponse>, Status>) -> Vec<String> {
    answer.unwrap().into_inner().articles.into_iter().map(|article| article.title).collect()
}

on_both_engines! {
    async fn q04_what_is_published_is_found_by_its_words_and_read(database: Database) {
        let service = Service::start(&database).await;
        let public = pb::ArticleAudience::Public;
        let article = publish(&service, "Disk full", "Clean up 100%_of the spool.", public).await;
        publish(&service, "Backups", "When the disk runs full, backups stop.", public).await;
        assert_eq!(titles(editor(&service).search_articles(search("full DISK")).await), ["Disk full", "Backups"]);
        assert_eq!(titles(editor(&service).search_articles(search("100%_of")).await), ["Disk full"]);
        assert_eq!(titles(editor(&service).search_articles(search("%")).await), ["Disk full"], "no wildcard");
        assert!(titles(editor(&service).search_articles(search("network")).await).is_empty());

        let get = pb::GetArticleRequest { article_id: article.article_id.clone() };
        assert_eq!(editor(&service).get_article(get).await.unwrap().into_inner().article.unwrap(), article);
        let unknown = pb::GetArticleRequest { article_id: article.article_id.replace('0', "1") };
        assert_eq!(refused(editor(&service).get_article(unknown).await).1, "NOT_FOUND");
    }

    async fn a_search_comes_in_pages(database: Database) {
        let service = Service::start(&database).await;
        for n in 0..5 {
            publish(&service, &format!("Disk {n}"), "Full.", pb::ArticleAudience::Public).await;
        }
        let (mut seen, mut page_token) = (Vec::new(), String::new());
        loop {
            let page = Some(PageRequest { page_size: 2, page_token });
            let answer = editor(&service).search_articles(pb::SearchArticlesRequest { page, ..search("disk") }).await;
            let answer = answer.unwrap().into_inner();
            seen.extend(answer.articles.into_iter().map(|article| article.title));
            page_token = answer.page.unwrap().next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(seen, ["Disk 4", "Disk 3", "Disk 2", "Disk 1", "Disk 0"]);
    }

    async fn every_bad_field_of_an_article_is_named_at_once(database: Database) {
        let service = Service::start(&database).await;
        let article = pb::Article { article_id: "art_x".into(), audience: 9, ..Default::default() };
        let request = pb::PublishArticleRequest { request_id: String::new(), article: Some(article) };
        let named = fields(editor(&service).publish_article(request).await);
        let expected = [
            "request_id",
            "article.article_id",
            "article.product_id",
            "article.title",
            "article.body",
            "article.audience",
        ];
        assert_eq!(named, expected);
        let page = Some(PageRequest { page_size: 1000, page_token: "x".into() });
        let bad = pb::SearchArticlesRequest { page, ..Default::default() };
        let named = fields(editor(&service).search_articles(bad).await);
        assert_eq!(named, ["product_id", "query", "page.page_size", "page.page_token"]);
        let bad = pb::GetArticleRequest { article_id: "art_1".into() };
        assert_eq!(fields(editor(&service).get_article(bad).await), ["article_id"]);
    }
}
