module.exports = async function (context, file, extra, missing) {
    const { a, b, uri, properties, metadata } = context.bindingData;
    context.log(`noted ${JSON.stringify([file, extra, missing ?? null, a, b, properties.contentLength, typeof metadata])} ${uri}`);
};
