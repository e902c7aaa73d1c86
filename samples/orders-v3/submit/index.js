module.exports = async function (context, req) {
    if (!req.body?.item) {
        context.res = { status: 400, body: { error: 'An order needs an "item".' } };
        return;
    }
    const id = req.body.id ?? context.invocationId;
    context.bindings.order = { id, item: req.body.item, quantity: req.body.quantity ?? 1 };
    context.log(`Order ${id} accepted.`);
    context.res = { status: 202, headers: { 'content-type': 'application/json' }, body: { id } };
};
