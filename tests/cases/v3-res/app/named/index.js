module.exports = async (context) => {
    context.bindings.out = { status: 206, body: 'named' };
};
