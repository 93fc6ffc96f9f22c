// One user a service, for its own database and no other. Run by the image once, when the data folder is made.
for (const service of ["identity", "intake", "sharing", "notifications"]) {
  db.getSiblingDB("admin").createUser({
    user: service,
    pwd: process.env[`STORE_${service.toUpperCase()}`],
    roles: [{ role: "readWrite", db: `tongban_${service}` }],
  });
}
