-- The databases the sample departments had before the network came, made when the city first starts.
-- Each view is what a department opens (前置库) to its own sample system: one JSON record a person.
-- What nobody was granted (monthly_base, landlord, rent) is there on purpose: sharing must cut it off.

CREATE TABLE IF NOT EXISTS social_insurance (
  person TEXT PRIMARY KEY, insured_since TEXT, months_paid INTEGER, employer TEXT, status TEXT, monthly_base INTEGER
);
INSERT OR IGNORE INTO social_insurance VALUES
  ('person-li-na', '2025-02-01', 20, '大连星海软件有限公司', 'active', 982000),
  ('person-wang-wei', '2026-08-01', 3, '大连港湾物流有限公司', 'active', 645000),
  ('person-zhao-min', '2021-05-01', 54, '沈阳同泰机械有限公司', 'suspended', 730000);
CREATE VIEW IF NOT EXISTS insured AS
  SELECT person, json_object('insured_since', insured_since, 'months_paid', months_paid, 'employer', employer,
    'status', status, 'monthly_base', monthly_base) AS record FROM social_insurance;

CREATE TABLE IF NOT EXISTS rental_registration (
  person TEXT PRIMARY KEY, address TEXT, contract_no TEXT, valid_from TEXT, valid_to TEXT, landlord TEXT, rent INTEGER
);
INSERT OR IGNORE INTO rental_registration VALUES
  ('person-li-na', '大连市沙河口区黄河路620号3单元502室', '辽大租备2025-0031877', '2025-03-01', '2027-02-28', '孙某某', 260000),
  ('person-zhao-min', '大连市甘井子区中华西路18号1单元901室', '辽大租备2026-0009420', '2026-01-15', '2027-01-14', '周某某', 310000);
CREATE VIEW IF NOT EXISTS tenancies AS
  SELECT person, json_object('address', address, 'contract_no', contract_no, 'valid_from', valid_from,
    'valid_to', valid_to, 'landlord', landlord, 'rent', rent) AS record FROM rental_registration;
