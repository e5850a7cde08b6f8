//! Both engines have the same schema.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::Row;
use vouch_license::MIGRATIONS;
use vouch_storage::testing::{Database, ENGINES};
use vouch_storage::{Engine, Store};

type Schema = BTreeMap<String, BTreeSet<(String, String, bool)>>;

const SQLITE: &str = "SELECT m.name AS table_name, p.name AS column_name, p.type AS type, \
                      CAST(p.\"notnull\" AS BIGINT) AS required \
                      FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table'";
const POSTGRES: &str = "SELECT table_name::TEXT, column_name::TEXT, data_type::TEXT AS type, \
                        CAST(CASE WHEN is_nullable = 'NO' THEN 1 ELSE 0 END AS BIGINT) AS required \
                        FROM information_schema.columns WHERE table_schema = 'public'";

async fn schema(engine: Engine) -> Schema {
    let database = Database::fresh(engine).await;
    let store: Store = database.open(&MIGRATIONS).await;
    let sql = match engine {
        Engine::Sqlite => SQLITE,
        Engine::Postgres => POSTGRES,
    };
    let mut schema = Schema::new();
    for row in sqlx::query(sql).fetch_all(store.reader()).await.unwrap() {
        let table: String = row.get("table_name");
        if table.starts_with("sqlite_") || table == "_sqlx_migrations" {
            continue;
        }
        let kind: String = row.get("type");
        let kind = kind.to_uppercase().replace("BLOB", "BYTEA");
        let column = (row.get("column_name"), kind, row.get::<i64, _>("required") == 1);
        schema.entry(table).or_default().insert(column);
    }
    schema
}

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let mut schemas = Vec::new();
    for engine in ENGINES {
        schemas.push(schema(*engine).await);
    }
    assert!(schemas[0].contains_key("licenses") && schemas[0].contains_key("results"));
    assert!(schemas.windows(2).all(|pair| pair[0] == pair[1]), "{schemas:#?}");
}
