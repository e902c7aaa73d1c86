module.exports = async () => ({ status: 203, body: 'returned' });
