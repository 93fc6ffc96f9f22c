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

-- What the registers hold that people are checked against (none of them is real: there is no region 210299).
CREATE TABLE IF NOT EXISTS citizens (id_number TEXT PRIMARY KEY, name TEXT);
INSERT OR IGNORE INTO citizens VALUES
  ('210299199003150024', '李娜'), ('210299199003074025', '周婷'), ('21029919850612101X', '孙强'),
  ('210299197811203033', '赵敏');
CREATE TABLE IF NOT EXISTS driving_licences (number TEXT PRIMARY KEY, id_number TEXT);
INSERT OR IGNORE INTO driving_licences VALUES
  ('210200123456', '210299199003074025'), ('210200654321', '21029919850612101X');
CREATE TABLE IF NOT EXISTS social_security_cards (number TEXT PRIMARY KEY, id_number TEXT);
INSERT OR IGNORE INTO social_security_cards VALUES
  ('D21029937', '210299199003074025'), ('D21029941', '21029919850612101X'), ('D21029902', '210299199003150024');
CREATE TABLE IF NOT EXISTS housing_fund (number TEXT PRIMARY KEY, id_number TEXT);
INSERT OR IGNORE INTO housing_fund VALUES ('210299004417', '210299199003074025');
CREATE TABLE IF NOT EXISTS enterprises (credit_code TEXT PRIMARY KEY, enterprise TEXT, representative TEXT);
INSERT OR IGNORE INTO enterprises VALUES ('91210200MA0EXAMPH3', '大连示例海产品有限公司', '210299199003074025');

-- How each data resource is asked (接口): its query, over the question's own fields. A check always has an answer, so
-- that nobody learns more from "there is no such person" than from "that is another's card".
CREATE TABLE IF NOT EXISTS interfaces (resource TEXT PRIMARY KEY, query TEXT);
INSERT OR REPLACE INTO interfaces VALUES
  ('hrss.social-insurance', 'SELECT record FROM insured WHERE person = :subject'),
  ('housing.rental-registration', 'SELECT record FROM tenancies WHERE person = :subject'),
  ('police.identity-card', 'SELECT iif(count(*), ''{"matches": true}'', ''{"matches": false}'') FROM citizens
    WHERE id_number = :id_number AND name = :name'),
  ('police.driving-licence', 'SELECT iif(count(*), ''{"matches": true}'', ''{"matches": false}'') FROM driving_licences
    WHERE id_number = :id_number AND number = :number'),
  ('hrss.social-security-card',
    'SELECT iif(count(*), ''{"matches": true}'', ''{"matches": false}'') FROM social_security_cards
    WHERE id_number = :id_number AND number = :number'),
  ('housing.housing-fund', 'SELECT iif(count(*), ''{"matches": true}'', ''{"matches": false}'') FROM housing_fund
    WHERE id_number = :id_number AND number = :number'),
  ('market.legal-representative', 'SELECT iif(count(*), ''{"matches": true}'', ''{"matches": false}'') FROM enterprises
    WHERE credit_code = :credit_code AND enterprise = :enterprise AND representative = :id_number');
