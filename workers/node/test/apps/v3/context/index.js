module.exports = async function (context) {
  return {
    bindingData: context.bindingData,
    definitions: context.bindingDefinitions,
    execution: context.executionContext,
    trace: context.traceContext,
    bindings: context.bindings,
  };
};
