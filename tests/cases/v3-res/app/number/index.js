module.exports = async () => ({ body: 42 });
