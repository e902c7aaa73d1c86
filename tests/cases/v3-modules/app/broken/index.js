module.exports = async () => {
    return {;
};
