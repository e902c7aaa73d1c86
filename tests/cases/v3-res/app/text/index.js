module.exports = async () => 'just text';
