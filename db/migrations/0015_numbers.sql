INSERT INTO cara.migration (version, name) VALUES (15, 'numbers');

-- An integer says nothing where it is 0; a number does.
ALTER TABLE cara.field DROP CONSTRAINT field_kind_check;
ALTER TABLE cara.field ADD CONSTRAINT field_kind_check
    CHECK (kind IN ('string', 'integer', 'number', 'boolean', 'time', 'duration', 'quantity', 'map', 'object', 'list'));
