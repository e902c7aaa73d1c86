//! Compiles the contract in `proto/` without needing a `protoc` on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(["FunctionRpc.proto"], ["proto"])?;
    tonic_prost_build::configure()
        // Payloads stay slices of the received frame instead of being copied out of it.
        .bytes(".AzureFunctionsRpcMessages.TypedData")
        .bytes(".AzureFunctionsRpcMessages.CollectionBytes")
        .bytes(".AzureFunctionsRpcMessages.ModelBindingData")
        // Workers hand these on to functions, which ought to see the same order every time.
        .btree_map(".AzureFunctionsRpcMessages.RpcHttp")
        .btree_map(".AzureFunctionsRpcMessages.InvocationRequest")
        .include_file("contract.rs")
        .compile_fds(descriptors)?;
    Ok(())
}
