module.exports = async function (context) {
    const before = context.bindings.file ?? '';
    context.bindings.file = `${before}x`;
    context.res = { body: before };
};
