//! Both engines have the same schema.

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let schemas = vouch_storage::testing::schemas(&vouch_vendor::MIGRATIONS).await;
    assert!(schemas[0].contains_key("articles") && schemas[0].contains_key("results"));
    assert!(schemas.windows(2).all(|pair| pair[0] == pair[1]), "{schemas:#?}");
}
