module.exports = async function (context, file) {
    context.log(`copied ${context.bindingData.blobTrigger} ${Buffer.isBuffer(file)} ${file.length}`);
    context.bindings.copied = file;
};
