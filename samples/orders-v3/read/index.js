module.exports = async function (context, req, order) {
    const headers = { 'content-type': 'application/json' };
    return order
        ? { status: 200, headers, body: order }
        : { status: 404, headers, body: { error: 'No such order (yet).' } };
};
