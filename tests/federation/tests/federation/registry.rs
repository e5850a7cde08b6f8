//! The vendor service follows the licence service's registry of partners.
//!
//! Proves B01.

use vouch_contract::pb::vendor::v1 as vendor;
use vouch_contract::pb::vendor::v1::knowledge_service_client::KnowledgeServiceClient;
use vouch_host::testing::refused;
use vouch_identity::development::Authority;
use vouch_storage::on_both_engines;

use crate::support::VendorSide;

on_both_engines! {
    async fn b01_a_partner_registered_with_one_service_is_let_in_by_the_other(database: Database) {
        let side = VendorSide::start(&database).await;
        let north = Authority::new("north").unwrap();
        side.publish("Disk", vendor::ArticleAudience::Public).await;
        side.publish("Disk at partners", vendor::ArticleAudience::Partner).await;
        let internal = side.publish("Disk inside", vendor::ArticleAudience::Internal).await;
        side.register("north", &north, r#"{"keys":[]}"#).await;

        let search = vendor::SearchArticlesRequest { product_id: "atlas".into(), query: "disk".into(), page: None };
        let mut client = KnowledgeServiceClient::new(side.partner("north", &north));
        let found = client.search_articles(search.clone()).await.unwrap().into_inner().articles;
        let titles: Vec<_> = found.into_iter().map(|article| article.title).collect();
        assert_eq!(titles, ["Disk at partners", "Disk"], "what is written for partners, and nothing internal");
        let get = vendor::GetArticleRequest { article_id: internal.article_id };
        assert_eq!(refused(client.get_article(get).await).1, "NOT_FOUND");
        let stranger = Authority::new("stranger").unwrap();
        let channel = side.partner("north", &stranger);
        assert!(KnowledgeServiceClient::new(channel).search_articles(search).await.is_err());
    }
}
