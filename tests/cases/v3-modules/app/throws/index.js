module.exports = async () => {
    throw new Error('thrown in v3');
};
