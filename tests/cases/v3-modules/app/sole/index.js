exports.whatever = async (context) => {
    context.res = { body: 'the only export' };
};
