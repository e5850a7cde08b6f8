//! `KeySetService`.

use tonic::{Request, Response, Status};
use vouch_contract::pb::vendor::v1 as pb;
use vouch_contract::pb::vendor::v1::key_set_service_server::KeySetService;

use super::Handlers;

#[tonic::async_trait]
impl KeySetService for Handlers {
    async fn get_key_set(
        &self,
        _request: Request<pb::GetKeySetRequest>,
    ) -> Result<Response<pb::GetKeySetResponse>, Status> {
        let key_set = self.keys.published().map_err(|error| self.rpc.status(&error))?;
        Ok(Response::new(pb::GetKeySetResponse { key_set: Some(key_set) }))
    }
}
