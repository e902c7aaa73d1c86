//! What a worker is told about each function before it may run (spec worker-protocol.md §5.3).

use std::sync::Arc;

use horus_app::{DataType, Direction, Function};
use horus_worker_protocol as rpc;

/// Load requests for all functions, enabled ones first (spec host.md §6.4).
pub(super) fn requests(functions: &[Arc<Function>]) -> Vec<rpc::FunctionLoadRequest> {
    let (enabled, disabled): (Vec<_>, Vec<_>) = functions.iter().partition(|function| !function.disabled);
    enabled.into_iter().chain(disabled).map(|function| request(function)).collect()
}

fn request(function: &Function) -> rpc::FunctionLoadRequest {
    let bindings = function.bindings.iter().map(|binding| {
        let direction = match binding.direction {
            Direction::In => rpc::binding_info::Direction::In,
            Direction::Out => rpc::binding_info::Direction::Out,
            Direction::InOut => rpc::binding_info::Direction::Inout,
        };
        let data_type = match binding.data_type {
            DataType::Undefined => rpc::binding_info::DataType::Undefined,
            DataType::String => rpc::binding_info::DataType::String,
            DataType::Binary => rpc::binding_info::DataType::Binary,
            DataType::Stream => rpc::binding_info::DataType::Stream,
        };
        let info = rpc::BindingInfo {
            r#type: binding.kind.clone(),
            direction: direction.into(),
            data_type: data_type.into(),
            ..Default::default()
        };
        (binding.name.clone(), info)
    });
    // A worker that starts later finds its functions again by the properties it gave itself.
    let own = function.properties.iter().cloned();
    let properties = own.chain([("FunctionId".to_owned(), function.id.clone())]);
    rpc::FunctionLoadRequest {
        function_id: function.id.clone(),
        metadata: Some(rpc::RpcFunctionMetadata {
            name: function.name.clone(),
            directory: function.directory.to_string_lossy().into_owned(),
            script_file: function.script_file.to_string_lossy().into_owned(),
            entry_point: function.entry_point.clone(),
            bindings: bindings.collect(),
            properties: properties.collect(),
            ..Default::default()
        }),
        managed_dependency_enabled: false,
    }
}
