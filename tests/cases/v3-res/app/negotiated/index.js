module.exports = async (context) => {
    context.res = { body: { a: 1 }, enableContentNegotiation: true };
};
