//! `KnowledgeService`.

use tonic::{Request, Response, Status};
use vouch_contract::convert::timestamp;
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::knowledge_service_server::KnowledgeService;
use vouch_core::code::ProductId;
use vouch_core::id::ArticleId;
use vouch_core::{Error, Violations, id, text};
use vouch_host::{Call, Page};
use vouch_identity::{Caller, CallerKind};

use super::Handlers;
use crate::domain::article::{Article, ArticleContent, Audience, narrowing, rank, words};
use crate::store::articles;

/// How many articles are ranked for one search.
const RANKED: i64 = 200;
const SEARCH: &str = "articles";

#[tonic::async_trait]
impl KnowledgeService for Handlers {
    async fn publish_article(
        &self,
        request: Request<pb::PublishArticleRequest>,
    ) -> Result<Response<pb::PublishArticleResponse>, Status> {
        self.rpc
            .mutate("KnowledgeService/PublishArticle", request, |mut tx, call| async move {
                let call: &Call<ArticleContent> = &call;
                let article = Article { id: call.world.id(), content: call.command.clone(), published_at: call.now };
                articles::article_insert(&mut tx, &article).await?;
                Ok((tx, pb::PublishArticleResponse { article: Some(article.into()) }))
            })
            .await
    }

    async fn search_articles(
        &self,
        request: Request<pb::SearchArticlesRequest>,
    ) -> Result<Response<pb::SearchArticlesResponse>, Status> {
        self.rpc
            .query(request, |call: Call<Search>| async move {
                let Search { product_id, words, page } = call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let narrowest = narrowest(&call.caller);
                let found =
                    articles::article_list_with(&mut snapshot, &product_id, narrowing(&words), narrowest, RANKED)
                        .await?;
                let offset = read_offset(&page)?;
                let mut rest: Vec<_> = rank(found, &words).into_iter().enumerate().skip(offset).collect();
                let info = page.cut(&mut rest, SEARCH, |(place, _)| (place + 1).to_string());
                let articles = rest.into_iter().map(|(_, article)| article.into()).collect();
                Ok(pb::SearchArticlesResponse { articles, page: Some(info) })
            })
            .await
    }

    async fn get_article(
        &self,
        request: Request<pb::GetArticleRequest>,
    ) -> Result<Response<pb::GetArticleResponse>, Status> {
        self.rpc
            .query(request, |call: Call<OneArticle>| async move {
                let OneArticle(id) = call.command;
                let mut snapshot = self.rpc.store.snapshot().await?;
                let article = articles::article_fetch(&mut snapshot, id)
                    .await?
                    .filter(|article| article.content.audience <= narrowest(&call.caller))
                    .ok_or_else(|| Error::not_found("article", id))?;
                Ok(pb::GetArticleResponse { article: Some(article.into()) })
            })
            .await
    }
}

/// The narrowest audience that a caller belongs to.
fn narrowest(caller: &Caller) -> Audience {
    match caller.kind {
        CallerKind::VendorStaff | CallerKind::VendorWorkload => Audience::Internal,
        CallerKind::PartnerWorkload | CallerKind::PartnerStaff => Audience::Partner,
        CallerKind::ResellerWorkload | CallerKind::EndUser | CallerKind::Anonymous => Audience::Public,
    }
}

/// Where a page of a search begins: how many hits came before it.
fn read_offset(page: &Page) -> Result<usize, Error> {
    if page.after.is_empty() {
        return Ok(0);
    }
    page.after
        .parse()
        .map_err(|_| Error::field("page.page_token", "must be the next_page_token of a page of this list"))
}

/// A search.
struct Search {
    product_id: ProductId,
    words: Vec<String>,
    page: Page,
}

/// One article, by id.
struct OneArticle(ArticleId);

impl TryFrom<pb::PublishArticleRequest> for ArticleContent {
    type Error = Violations;

    fn try_from(request: pb::PublishArticleRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let content = violations.nested("article", request.article, |article, v| {
            v.refuse_set("article_id", !article.article_id.is_empty());
            v.refuse_set("publish_time", article.publish_time.is_some());
            let product_id = v.take("product_id", ProductId::parse(&article.product_id));
            let title = v.take("title", text::line(&article.title, 200));
            let body = v.take("body", text::paragraph(&article.body, 20_000));
            let audience = match pb::ArticleAudience::try_from(article.audience) {
                Ok(pb::ArticleAudience::Public) => Some(Audience::Public),
                Ok(pb::ArticleAudience::Partner) => Some(Audience::Partner),
                Ok(pb::ArticleAudience::Internal) => Some(Audience::Internal),
                Ok(pb::ArticleAudience::Unspecified) => v.take("audience", Err("is required")),
                Err(_) => v.take("audience", Err(format!("has the unknown value {}", article.audience))),
            };
            Some(Self { product_id: product_id?, title: title?, body: body?, audience: audience? })
        });
        violations.finish(content)
    }
}

impl TryFrom<pb::SearchArticlesRequest> for Search {
    type Error = Violations;

    fn try_from(request: pb::SearchArticlesRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let product_id = violations.take("product_id", ProductId::parse(&request.product_id));
        let query = violations.take("query", text::line(&request.query, 200));
        let page = violations.absorb(Page::read(request.page, SEARCH));
        let search = (|| Some(Self { product_id: product_id?, words: words(&query?), page: page? }))();
        violations.finish(search)
    }
}

impl TryFrom<pb::GetArticleRequest> for OneArticle {
    type Error = Violations;

    fn try_from(request: pb::GetArticleRequest) -> Result<Self, Violations> {
        let mut violations = Violations::new();
        let id = violations.take("article_id", id::parse(&request.article_id));
        violations.finish(id.map(Self))
    }
}

impl From<Article> for pb::Article {
    fn from(article: Article) -> Self {
        Self {
            article_id: article.id.to_string(),
            product_id: article.content.product_id.to_string(),
            title: article.content.title,
            body: article.content.body,
            audience: match article.content.audience {
                Audience::Public => pb::ArticleAudience::Public,
                Audience::Partner => pb::ArticleAudience::Partner,
                Audience::Internal => pb::ArticleAudience::Internal,
            }
            .into(),
            publish_time: Some(timestamp(article.published_at)),
        }
    }
}
