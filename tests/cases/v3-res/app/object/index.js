module.exports = async function (context) {
    context.res = { status: 201, headers: { 'X-Made': 'yes' }, body: { made: true } };
};
