module.exports = async function (context, req) {
    context.bindings.file = req.body;
    context.res = { status: 201 };
};
