exports.first = async () => ({ body: 'first' });
exports.second = async () => ({ body: 'second' });
