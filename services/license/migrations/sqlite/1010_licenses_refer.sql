-- Products, end users and partners stay, under their codes. Here licences refer to them by REFERENCES, which PostgreSQL would check slowly:
-- there triggers do, and rest on this.
CREATE TRIGGER products_stay BEFORE DELETE ON products
BEGIN SELECT RAISE(ABORT, 'products stay, and keep their codes: licences name them'); END;
CREATE TRIGGER products_keep_their_codes BEFORE UPDATE OF product_id ON products
BEGIN SELECT RAISE(ABORT, 'products stay, and keep their codes: licences name them'); END;
CREATE TRIGGER end_users_stay BEFORE DELETE ON end_users
BEGIN SELECT RAISE(ABORT, 'end_users stay, and keep their codes: licences name them'); END;
CREATE TRIGGER end_users_keep_their_codes BEFORE UPDATE OF end_user_id ON end_users
BEGIN SELECT RAISE(ABORT, 'end_users stay, and keep their codes: licences name them'); END;
CREATE TRIGGER partners_stay BEFORE DELETE ON partners
BEGIN SELECT RAISE(ABORT, 'partners stay, and keep their codes: licences name them'); END;
CREATE TRIGGER partners_keep_their_codes BEFORE UPDATE OF partner_id ON partners
BEGIN SELECT RAISE(ABORT, 'partners stay, and keep their codes: licences name them'); END;
